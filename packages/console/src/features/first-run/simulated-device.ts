/**
 * What a phone does at the start of an app, done by the browser against the real device API: ask, download, verify,
 * report.
 */
export interface SimulatedDevice {
  readonly serverUrl: string;
  readonly appId: string;
  readonly deviceId: string;
  readonly platform: string;
  readonly nativeVersion: string;
  readonly nativeBuild: string;
  /** What it runs: a version name, or `builtin`. */
  readonly runs: string;
}

export type StepName = 'check' | 'download' | 'verify' | 'report';
export interface Step {
  readonly name: StepName;
  readonly state: 'running' | 'done' | 'failed';
  /** For people: what came of it. */
  readonly text: string;
}

/** Newest plugin generation that it behaves like. */
const pluginVersion = '8.51.14';

async function post(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Record<string, unknown>;
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function reason(error: unknown, url: string): string {
  if (error instanceof TypeError) {
    return `The browser got no answer from ${new URL(url).origin}. Either nothing answers there, or the server does not let pages of ${location.origin} ask: then add ${location.origin} to CORS_ALLOWED_ORIGINS. Phones need neither.`;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Plays one start of the app and tells each step when it begins and when it ends; stops at the first that fails. */
export async function* playStart(device: SimulatedDevice): AsyncGenerator<Step, void> {
  const info = {
    app_id: device.appId,
    device_id: device.deviceId,
    platform: device.platform,
    version_build: device.nativeVersion,
    version_code: device.nativeBuild,
    version_os: '15',
    plugin_version: pluginVersion,
    is_emulator: true,
    is_prod: true,
    custom_id: '',
  };
  const running = (name: StepName, text: string): Step => ({ name, state: 'running', text });
  const done = (name: StepName, text: string): Step => ({ name, state: 'done', text });
  const failed = (name: StepName, text: string): Step => ({ name, state: 'failed', text });

  const updates = `${device.serverUrl}/updates`;
  yield running('check', `Asks ${updates}`);
  let answer: Record<string, unknown>;
  try {
    answer = await post(updates, { ...info, version_name: device.runs });
  } catch (error) {
    yield failed('check', reason(error, updates));
    return;
  }
  const { url, version, checksum, message, error } = answer;
  if (typeof url !== 'string' || typeof version !== 'string') {
    yield failed('check', `No update: ${String(message ?? error ?? 'the server has none')}`);
    return;
  }
  yield done('check', `Is offered ${version}`);

  yield running('download', `Fetches ${url}`);
  let bytes: ArrayBuffer;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`The download answered with status ${response.status}.`);
    bytes = await response.arrayBuffer();
  } catch (failure) {
    yield failed('download', reason(failure, url));
    return;
  }
  yield done('download', `${bytes.byteLength.toLocaleString()} bytes`);

  yield running('verify', 'Computes SHA-256');
  // Browsers have no SHA-256 for pages that came over plain http from elsewhere than this machine.
  const isIntact = crypto.subtle === undefined ? undefined : (await sha256(bytes)) === checksum;
  if (isIntact === false) yield failed('verify', `The checksum is another than ${String(checksum)}`);
  else if (isIntact === undefined)
    yield done('verify', 'Left out: this browser computes checksums for https pages only');
  else yield done('verify', `SHA-256 ${String(checksum).slice(0, 16)}… is right`);

  const stats = `${device.serverUrl}/stats`;
  const action = isIntact === false ? 'checksum_fail' : 'set';
  yield running('report', `Tells ${stats}`);
  try {
    await post(stats, [
      { ...info, action, version_name: version, old_version_name: device.runs, timestamp: Date.now() },
    ]);
  } catch (failure) {
    yield failed('report', reason(failure, stats));
    return;
  }
  yield done('report', action === 'set' ? `Installed ${version}, and reported it` : 'Reported the failure');
}
