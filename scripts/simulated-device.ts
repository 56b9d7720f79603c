/**
 * `npm run device -- --app com.example.app`: what a phone does at each start of an app, told line by line: ask,
 * download, compare the checksum, report. It remembers what it installed for as long as it runs, and asks a second time.
 */
import { createHash, randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'http://localhost:8000' },
    app: { type: 'string', default: 'com.example.app' },
    platform: { type: 'string', default: 'android' },
    version: { type: 'string', default: '1.0.0' },
    build: { type: 'string', default: '1' },
    plugin: { type: 'string', default: '8.51.14' },
    device: { type: 'string', default: randomUUID() },
  },
});
const { server } = values;

type Answer = Record<string, unknown>;

async function post(path: string, body: object): Promise<Answer> {
  const response = await fetch(`${server}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as Answer;
}

const info = {
  app_id: values.app,
  device_id: values.device,
  platform: values.platform,
  version_build: values.version,
  version_code: values.build,
  version_os: '15',
  plugin_version: values.plugin,
  is_emulator: true,
  is_prod: true,
};

/** @returns the bundle the device runs after the check */
async function check(versionName: string): Promise<string> {
  console.log(`device ${values.device} runs ${versionName} and asks for an update`);
  const answer = await post('/updates', { ...info, version_name: versionName });
  if (answer['version'] === 'builtin' && !answer['error']) {
    console.log('  back to the builtin bundle');
    return values.version;
  }
  if (typeof answer['url'] !== 'string') {
    console.log(`  no update: ${answer['error']} (${answer['message']})`);
    return versionName;
  }
  const version = String(answer['version']);
  const bytes = Buffer.from(await (await fetch(answer['url'])).arrayBuffer());
  const checksum = createHash('sha256').update(bytes).digest('hex');
  console.log(`  offered ${version}, downloaded ${bytes.length} bytes from ${answer['url']}`);
  const isIntact = checksum === answer['checksum'];
  console.log(isIntact ? '  checksum is right, installed' : `  checksum is wrong: ${checksum}`);
  const action = isIntact ? 'set' : 'checksum_fail';
  const event = {
    ...info,
    action,
    version_name: version,
    old_version_name: versionName,
    timestamp: Date.now(),
  };
  await post('/stats', [event]);
  console.log(`  reported ${action}`);
  return isIntact ? version : versionName;
}

const installed = await check(values.version);
if (installed !== values.version) await check(installed);
