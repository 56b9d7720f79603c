import { managementOf } from '../../e2e/management.ts';
import type { RunningServer } from '../../e2e/start-server.ts';
import type { SeededApp } from './fleet.ts';

const rounds = 20;
const askEveryMs = 2;
/** So that changes do not keep step with a node that looks for them from time to time. */
const pauseMs = 137;
const patienceMs = 10_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function offeredBy(node: RunningServer, app: SeededApp): Promise<unknown> {
  const [release] = app.releases;
  const response = await fetch(`${node.userUrl}/updates`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ app_id: app.id, device_id: '00000000-0000-4000-8000-000000000000', platform: release?.platform },
      ...{ version_build: release?.versionName, version_code: release?.versionCode, version_os: '17' },
      ...{ version_name: '1.4.2', plugin_version: '8.51.14', is_emulator: false, is_prod: true },
    }),
  });
  return ((await response.json()) as { version?: string }).version;
}

/** From the answer to a change on one node until the other one serves it, in milliseconds, each time. */
export async function measureChanges(
  [here, there]: readonly [RunningServer, RunningServer],
  app: SeededApp,
): Promise<readonly number[]> {
  const management = managementOf(here);
  const release = await management.createRelease({
    ...{ app_id: app.id, platform: 'ios', version_name: '1.0.0', version_code: '1' },
    builtin_bundle_id: app.builtinBundleId,
  });
  const changed = {
    ...app,
    releases: [{ platform: 'ios' as const, versionName: '1.0.0', versionCode: '1' }],
  };
  const delays: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const bundle = round % 2 === 0 ? app.bundles[0] : undefined;
    await management.setActiveBundle(release.id, bundle?.id ?? null);
    const changedAt = performance.now();
    const expected = bundle?.versionName ?? 'builtin';
    while ((await offeredBy(there, changed)) !== expected) {
      if (performance.now() - changedAt > patienceMs)
        throw new Error('the other node does not see the change');
      await pause(askEveryMs);
    }
    delays.push(performance.now() - changedAt);
    await pause(pauseMs);
  }
  return delays;
}
