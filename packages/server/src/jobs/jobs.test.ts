import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { Store } from '../ports/store.ts';
import type { UnreadableBundle } from '../services/missing-checksums.ts';
import type { DisabledWebhook } from '../services/webhook-deliveries.ts';
import { buildBundle, buildDelivery, buildWebhook } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { startTestServer } from '../testing/test-server.ts';
import { createJobs } from './jobs.ts';

let store: Store;
beforeAll(async () => {
  store = await openSqliteStore(':memory:');
});
afterAll(() => store.close());

const nothing = () => Promise.resolve();

function jobsOf(
  node: string,
  given: {
    readonly follow?: () => Promise<void>;
    readonly ran?: string[];
    readonly unreadable?: readonly UnreadableBundle[];
    readonly disabled?: readonly DisabledWebhook[];
  } = {},
) {
  const clock = createFakeClock();
  const log: Record<string, unknown>[] = [];
  let confirmedAtMs = clock.now();
  const note = (name: string) => async () => given.ran?.push(`${node} ${name}`);
  const { jobs, giveUpLeases } = createJobs({
    ...{ logger: pino({}, { write: (line) => log.push(JSON.parse(line)) }), clock, leases: store, node },
    ...{
      refreshAllEveryMs: 600_000,
      recordChecks: note('records'),
      recordKeyUses: nothing,
      recordUsage: nothing,
      refreshMissed: nothing,
      refreshAll: nothing,
    },
    follower: {
      async follow() {
        await given.follow?.();
        confirmedAtMs = clock.now();
      },
      get confirmedAtMs() {
        return confirmedAtMs;
      },
    },
    checksumSearch: { run: async () => given.unreadable ?? [], stop: note('stops reading') },
    objectDeletions: {
      carryOutDue: async () => given.ran?.push(`${node} deletes`) ?? 0,
      stop: note('stops deleting'),
    },
    pauseFailingRollouts: async () => ({ triggered: [], unjudged: [] }),
    manifestBuilder: {
      async run() {
        given.ran?.push(`${node} builds`);
      },
      stop: () => given.ran?.push(`${node} stops`),
    },
    ...{
      sweepFiles: nothing,
      deleteOldEvents: nothing,
      deleteOldChanges: nothing,
      deleteOldMinutes: nothing,
      deleteOldAudit: nothing,
      queueWebhookEvents: nothing,
      queueFailingBundles: nothing,
      sendWebhookEvents: async () => given.disabled ?? [],
      deleteOldBundles: nothing,
      deleteExpiredOverrides: nothing,
      purgeDeletedApps: nothing,
    },
  });
  const run = (name: string) => jobs.find((job) => job.name === name)?.run();
  const stop = () => {
    for (const job of jobs) job.stop?.();
  };
  return { clock, log, run, stop, giveUpLeases };
}

it('what each node does for itself runs on each, what one does for all on one, until that gives it up', async () => {
  const ran: string[] = [];
  const [a, b] = [jobsOf('a', { ran }), jobsOf('b', { ran })];
  for (const node of [a, b]) for (const name of ['record-checks', 'object-deletions']) await node.run(name);
  expect(ran).toEqual(['a records', 'a deletes', 'b records']);
  await a.giveUpLeases();
  await b.run('object-deletions');
  expect(ran.at(-1)).toBe('b deletes');
});

it('what can take minutes is asked to end when the server stops', () => {
  const ran: string[] = [];
  jobsOf('e', { ran }).stop();
  expect(ran.toSorted()).toEqual(['e stops', 'e stops deleting', 'e stops reading']);
});

it('a database out of reach is told once, after some seconds, and once that it is back', async () => {
  let isDown = true;
  const { clock, log, run } = jobsOf('c', {
    follow: () => (isDown ? Promise.reject(new Error('connection refused')) : Promise.resolve()),
  });
  for (let half = 0; half < 20; half += 1) {
    clock.advance(500);
    await run('follow-changes');
  }
  expect(log).toMatchObject([{ event: 'snapshot_unconfirmed', ageSeconds: 5, level: 40 }]);
  isDown = false;
  for (let half = 0; half < 3; half += 1) await run('follow-changes');
  expect(log.slice(1)).toMatchObject([{ event: 'snapshot_confirmed', level: 30 }]);
});

it('a bundle that cannot be read for its checksum is told', async () => {
  const bundle = buildBundle({ versionName: '1.2.3' });
  const { log, run } = jobsOf('d', { unreadable: [{ bundle, error: new Error('gone') }] });
  await run('missing-checksums');
  expect(log).toMatchObject([
    { event: 'bundle_unreadable', appId: bundle.appId, bundle: '1.2.3', level: 40, err: { message: 'gone' } },
  ]);
});

it('the age of what update checks are answered from is a metric, which grows while the database is gone', async () => {
  const clock = createFakeClock();
  const server = await startTestServer({ clock });
  try {
    const age = async () => {
      const text = await (await fetch(`${server.metricsUrl}/metrics`)).text();
      return Number(/^capgo_snapshot_age_seconds (\S+)$/m.exec(text)?.[1]);
    };
    clock.advance(7_000);
    expect(await age()).toBe(7);
    const follow = server.product.jobs.find((job) => job.name === 'follow-changes');
    await follow?.run();
    expect(await age()).toBe(0);
    await server.product.store.close();
    clock.advance(90_000);
    await follow?.run();
    expect(await age()).toBe(90);
  } finally {
    await server.close();
  }
});

it('a webhook that is disabled, because nobody is there, is told of once and without its secret', async () => {
  const webhook = buildWebhook({ organizationId: 'o', name: 'bell' });
  const delivery = buildDelivery({ webhookId: webhook.id, attemptCount: 10, responseStatus: 500 });
  const { run, log } = jobsOf('a-webhook-node', { disabled: [{ webhook, delivery }] });
  await run('webhook-deliveries');
  expect(log).toEqual([
    expect.objectContaining({
      event: 'webhook_disabled',
      webhookId: webhook.id,
      responseStatus: 500,
      attempts: 10,
    }),
  ]);
  expect(JSON.stringify(log)).not.toContain(webhook.secret);
});
