/**
 * `npm run bench`: update checks against a bare Fastify route, and device events into a database. The two servers are
 * measured in turn, round by round, because what a machine does besides falls on both then.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchDatabase, type BenchEngine, engineNames, startEngine } from './engines.ts';
import type { FleetSize, SeededApp, SeededBundle } from './fleet.ts';
import { type LargeFleetSize, seedLargeFleet } from './large-fleet.ts';
import { type LoadGenerator, startLoadGenerator } from './load-generator.ts';
import type { Job, LoadResult, Loop } from './load-messages.ts';
import { measureChanges } from './other-nodes.ts';
import { measureOverview, type OverviewSize } from './overview.ts';
import {
  type ChangesReport,
  type EventsReport,
  type LargeReport,
  type ManifestAnswersReport,
  type Measurement,
  renderReport,
  type ScenarioReport,
} from './report.ts';
import { activeBundleOf, appIdAt, completeFleet, countEvents, seedApps, seedManifestApp } from './seed.ts';
import {
  type BareRoute,
  cpuSecondsOf,
  type MeasuredServer,
  memoryOf,
  type OurServer,
  startBareRoute,
  startOurServer,
} from './servers.ts';
import {
  type CheckOutcome,
  checkOutcomes,
  eventBatches,
  eventsPerBatch,
  reportedActions,
  updateChecks,
  type Workload,
} from './workloads.ts';

const usage = `Usage: npm run bench -- [options]

  --seconds N    length of each phase of each round (default 0.9)
  --quick        a smoke run: one short round over fewer apps; its numbers mean little
  --only TEXT    only scenarios with TEXT in their name, such as "hit, 1 app", "channels", "stats", "another node"
                 "large" or "overview"
  --engine NAME  the database: ${engineNames.join(' or ')} (default sqlite)
  --profile DIR  leave CPU profiles of both servers there (--only "hit, 1 app" for a clear one)
`;
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    engine: { type: 'string', default: 'sqlite' },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const seconds = Number(options.seconds ?? (options.quick ? 0.2 : 0.9));
const rounds = options.quick ? 1 : 3;
const statsSeconds = options.quick ? 1 : 5 * Math.max(1, seconds);
interface FleetPlan {
  readonly name: string;
  readonly size: FleetSize;
  readonly outcomes: readonly CheckOutcome[];
}
const fleets: readonly FleetPlan[] = [
  { name: '1 app', size: { apps: 1, releasesPerApp: 2 }, outcomes: checkOutcomes },
  options.quick
    ? { name: '20 apps', size: { apps: 20, releasesPerApp: 5 }, outcomes: checkOutcomes }
    : { name: '200 apps', size: { apps: 200, releasesPerApp: 50 }, outcomes: checkOutcomes },
  {
    name: 'channels',
    size: { apps: 1, releasesPerApp: 1_000, channels: { count: 20, overrides: 10_000 } },
    outcomes: ['hit'],
  },
];
const largeFleet: LargeFleetSize = options.quick
  ? { apps: 20, bundlesPerApp: 5, channelsPerApp: 4, overridesPerApp: 10 }
  : { apps: 1_000, bundlesPerApp: 50, channelsPerApp: 20, overridesPerApp: 100 };
const overview: OverviewSize = options.quick
  ? { devices: 1_000, days: 10, requests: 5 }
  : { devices: 100_000, days: 90, requests: 40 };
const profileDir = options.profile === undefined ? undefined : resolve(options.profile);

const connections = 32;
const statsConnections = 8;
const openLoop: Loop = { kind: 'open', perSecond: 1_000 };
/** But not more than half of what the database takes: what piles up would be measured then. */
const maxEventsMeanwhilePerSecond = 5_000;
const manifestFileCount = 3_000;
const manifestsPerSecond = 20;
const manifestConnections = 4;

/** What has to be undone at the end, however it comes; last first. */
const undo: (() => unknown)[] = [];
let complaints = 0;

async function tidyUp(): Promise<void> {
  while (undo.length > 0) await undo.pop()?.();
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

function notice(result: LoadResult, name: string): void {
  if (result.wrong === 0) return;
  complaints += result.wrong;
  progress(`WRONG: ${result.wrong} answers (${name}); the first: ${result.complaint}`);
}

async function measure(load: LoadGenerator, server: MeasuredServer, job: Job): Promise<Measurement> {
  const cpuBefore = await cpuSecondsOf(server.pid);
  const result = await load.run(job);
  const cpuSeconds = (await cpuSecondsOf(server.pid)) - cpuBefore;
  return { ...result, cpuUs: (cpuSeconds * 1e6) / result.answered };
}

interface Fleet {
  readonly dataDir: string;
  readonly database: BenchDatabase;
  readonly apps: readonly SeededApp[];
  readonly bundleFor: (device: number, app: SeededApp) => SeededBundle;
}

async function seedFleet(engine: BenchEngine, folder: string, size: FleetSize): Promise<Fleet> {
  const dataDir = await mkdtemp(join(folder, 'fleet-'));
  const database = await engine.createDatabase(dataDir);
  const server = await startOurServer(dataDir, database.env, undefined);
  undo.push(() => server.stop());
  const apps = await seedApps(server.running, size);
  await server.stop();
  undo.pop();
  return { dataDir, database, apps, bundleFor: await completeFleet(database, size, apps) };
}

/** One scenario: the servers take turns, and in every other round the other begins. */
async function compare(
  load: LoadGenerator,
  name: string,
  workload: Workload,
  ours: OurServer,
  bare: BareRoute,
): Promise<ScenarioReport> {
  progress(name);
  load.prepare(workload);
  // A constant as large as ours; all answers of a workload have one length.
  const [constant = {}] = workload.answers;
  await bare.answer(constant);
  const sides = {
    ours: { server: ours, answers: workload.answers },
    bare: { server: bare, answers: [constant] },
  } as const;

  async function run(side: keyof typeof sides, loop: Loop, phaseSeconds: number): Promise<Measurement> {
    const { server, answers } = sides[side];
    const job = { port: server.port, requestSet: workload.name, answers, loop, connections };
    const result = await measure(load, server, { ...job, seconds: phaseSeconds });
    notice(result, `${side}, ${name}, ${loop.kind} loop`);
    return result;
  }

  for (const side of ['ours', 'bare'] as const) await run(side, { kind: 'closed' }, seconds * 0.6);
  const results = {
    closed: { ours: [] as Measurement[], bare: [] as Measurement[] },
    open: { ours: [] as Measurement[], bare: [] as Measurement[] },
  };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const);
    for (const loop of [{ kind: 'closed' } as const, openLoop]) {
      for (const side of order) results[loop.kind][side].push(await run(side, loop, seconds));
    }
  }
  return { name, ...results, ours: await memoryOf(ours.pid), bare: await memoryOf(bare.pid) };
}

async function measureEvents(load: LoadGenerator, fleet: Fleet, server: OurServer): Promise<EventsReport> {
  progress('stats');
  const batchSet = eventBatches(fleet.apps);
  const checkSet = updateChecks('checks meanwhile', fleet.apps, 'hit');
  load.prepare(batchSet);
  load.prepare(checkSet);
  const eventJob = {
    port: server.port,
    requestSet: batchSet.name,
    answers: batchSet.answers,
    connections: statsConnections,
  };
  let acknowledged = 0;
  async function sendEvents(loop: Loop, phaseSeconds: number): Promise<LoadResult> {
    const result = await load.run({ ...eventJob, loop, seconds: phaseSeconds });
    notice(result, `ours, stats, ${loop.kind} loop`);
    acknowledged += result.answered * eventsPerBatch;
    return result;
  }

  await sendEvents({ kind: 'closed' }, seconds * 0.6);
  const batch = await sendEvents({ kind: 'closed' }, statsSeconds);
  const memory = await memoryOf(server.pid);
  const perSecond = (batch.answered * eventsPerBatch) / batch.seconds;
  const eventsMeanwhilePerSecond = Math.min(maxEventsMeanwhilePerSecond, perSecond / 2);
  const [checksMeanwhile] = await Promise.all([
    load.run({
      ...{ port: server.port, requestSet: checkSet.name, answers: checkSet.answers },
      ...{ loop: openLoop, connections, seconds: statsSeconds },
    }),
    sendEvents({ kind: 'open', perSecond: eventsMeanwhilePerSecond / eventsPerBatch }, statsSeconds),
  ]);
  notice(checksMeanwhile, 'ours, update checks while events come in');

  let readable = 0;
  for (const app of fleet.apps) readable += await countEvents(server.running, app.id, reportedActions);
  if (readable !== acknowledged) {
    complaints += 1;
    progress(`WRONG: ${acknowledged} events were acknowledged, ${readable} can be read`);
  }
  return {
    ...{ perSecond, batch, memory },
    ...{ acknowledged, readable, checksMeanwhile, eventsMeanwhilePerSecond },
  };
}

/**
 * Large answers come from a generator of their own: looking at them must not make the small ones look late. The machine
 * is busier with it, whoever sends them; so they also come from another server, which tells what of it is ours.
 */
async function measureManifestAnswers(
  load: LoadGenerator,
  fleet: Fleet,
  server: OurServer,
  bare: BareRoute,
): Promise<ManifestAnswersReport> {
  progress('manifests');
  const app = await seedManifestApp(server.running, manifestFileCount);
  const smallSet = updateChecks('small answers', fleet.apps, 'hit');
  const largeSet = updateChecks('large answers', [app], 'hit');
  load.prepare(smallSet);
  const other = startLoadGenerator();
  undo.push(() => other.stop());
  other.prepare(largeSet);
  const [largeAnswer] = largeSet.answers;
  if (!largeAnswer) throw new Error('no answer to send');
  await bare.answer({}, { appId: app.id, answer: largeAnswer });
  const small = () =>
    load.run({
      ...{ port: server.port, seconds: 2 * seconds, requestSet: smallSet.name, answers: smallSet.answers },
      ...{ loop: openLoop, connections },
    });
  const large = ({ port }: OurServer | BareRoute) =>
    other.run({
      ...{ port, seconds: 2 * seconds, requestSet: largeSet.name, answers: largeSet.answers },
      ...{ loop: { kind: 'open', perSecond: manifestsPerSecond }, connections: manifestConnections },
    });
  for (const sender of [server, bare]) await Promise.all([small(), large(sender)]);
  const report = {
    ...{ alone: [] as LoadResult[], beside: [] as LoadResult[], elsewhere: [] as LoadResult[] },
    large: [] as LoadResult[],
  };
  for (let round = 0; round < rounds; round += 1) {
    report.alone.push(await small());
    for (const sender of round % 2 === 0 ? [server, bare] : [bare, server]) {
      const [beside, others] = await Promise.all([small(), large(sender)]);
      notice(others, 'large answers');
      report[sender === server ? 'beside' : 'elsewhere'].push(beside);
      if (sender === server) report.large.push(others);
    }
  }
  for (const result of [...report.alone, ...report.beside, ...report.elsewhere]) {
    notice(result, 'ours, small answers');
  }
  await undo.pop()?.();
  return { ...report, fileCount: manifestFileCount, manifestsPerSecond, memory: await memoryOf(server.pid) };
}

/** How long it takes until another node serves what was changed on one: as nodes follow each other, and with Redis. */
async function measureOtherNodes(engine: BenchEngine, folder: string): Promise<readonly ChangesReport[]> {
  const redisUrl = process.env['TEST_REDIS_URL'];
  const ways = [
    { name: 'without Redis', env: {} },
    ...(redisUrl === undefined ? [] : [{ name: 'with Redis', env: { REDIS_URL: redisUrl } }]),
  ];
  const reports: ChangesReport[] = [];
  for (const { name, env } of ways) {
    progress(`another node, ${name}`);
    const dataDirs = [await mkdtemp(join(folder, 'node-')), await mkdtemp(join(folder, 'node-'))] as const;
    const database = await engine.createDatabase(dataDirs[0]);
    const start = async (dataDir: string) => {
      const server = await startOurServer(dataDir, { ...database.env, ...env }, undefined);
      undo.push(() => server.stop());
      return server;
    };
    const [here, there] = [await start(dataDirs[0]), await start(dataDirs[1])];
    const [app] = await seedApps(here.running, { apps: 1, releasesPerApp: 0 });
    if (!app) throw new Error('no app was seeded');
    reports.push({ name, delaysMs: await measureChanges([here.running, there.running], app) });
    await undo.pop()?.();
    await undo.pop()?.();
  }
  return reports;
}

/** What a server costs that has all of this in memory. */
async function measureLarge(load: LoadGenerator, engine: BenchEngine, folder: string): Promise<LargeReport> {
  progress(`seeding ${largeFleet.apps} apps with ${largeFleet.bundlesPerApp} bundles each`);
  const { dataDir, database, apps } = await seedFleet(engine, folder, {
    ...{ apps: 1, releasesPerApp: 2 },
  });
  const [first] = apps;
  if (!first) throw new Error('no app was seeded');
  await seedLargeFleet(database, largeFleet, first, appIdAt);
  progress('large');
  const startedAt = performance.now();
  const server = await startOurServer(dataDir, database.env, undefined);
  undo.push(() => server.stop());
  const startSeconds = (performance.now() - startedAt) / 1000;
  const atStart = await memoryOf(server.pid);
  const workload = updateChecks('large', apps, 'hit', () => activeBundleOf(first));
  load.prepare(workload);
  const job = { port: server.port, requestSet: workload.name, answers: workload.answers, connections };
  const checks = await measure(load, server, { ...job, loop: openLoop, seconds: statsSeconds });
  notice(checks, 'ours, large, open loop');
  const underLoad = await memoryOf(server.pid);
  await undo.pop()?.();
  return { size: largeFleet, startSeconds, atStart, checks, underLoad };
}

async function bench(): Promise<void> {
  // Before the folder: what runs as another user cannot keep its data below it.
  const engine = await startEngine(options.engine);
  undo.push(() => engine.stop());
  const folder = await mkdtemp(join(tmpdir(), 'capgo-bench-'));
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  // What the servers leave behind, also one that is cut off while it starts, lies below and goes with it.
  process.env['TMPDIR'] = folder;
  if (profileDir) await mkdir(profileDir, { recursive: true });
  const load = startLoadGenerator();
  undo.push(() => load.stop());

  const scenarios: ScenarioReport[] = [];
  let events: EventsReport | undefined;
  let manifests: ManifestAnswersReport | undefined;
  for (const { name: fleetName, size, outcomes } of fleets) {
    const wanted = outcomes
      .map((outcome) => ({ outcome, name: `${outcome}, ${fleetName}` }))
      .filter(({ name }) => name.includes(options.only));
    const wantsEvents = fleetName === '1 app' && 'stats'.includes(options.only);
    const wantsManifests = fleetName === '1 app' && 'manifests'.includes(options.only);
    if (wanted.length === 0 && !wantsEvents && !wantsManifests) continue;

    progress(`seeding ${fleetName} with ${size.releasesPerApp} releases each`);
    const fleet = await seedFleet(engine, folder, size);
    // Started anew, so that the traces of seeding are not measured; only now may it leave a profile.
    const ours = await startOurServer(fleet.dataDir, fleet.database.env, profileDir);
    undo.push(() => ours.stop());
    const bare = await startBareRoute(profileDir);
    undo.push(() => bare.stop());
    for (const { outcome, name } of wanted) {
      const bundleFor = size.channels ? fleet.bundleFor : undefined;
      const workload = updateChecks(name, fleet.apps, outcome, bundleFor);
      scenarios.push(await compare(load, name, workload, ours, bare));
    }
    if (wantsEvents) events = await measureEvents(load, fleet, ours);
    if (wantsManifests) manifests = await measureManifestAnswers(load, fleet, ours, bare);
    await undo.pop()?.();
    await undo.pop()?.();
  }
  const changes =
    engine.isShared && 'another node'.includes(options.only) ? await measureOtherNodes(engine, folder) : [];
  const large = 'large'.includes(options.only) ? await measureLarge(load, engine, folder) : undefined;
  if (options.engine === 'mongo' && options.only === 'overview') progress('overview: SQL engines only');
  const overviewReport =
    options.engine !== 'mongo' && 'overview'.includes(options.only)
      ? await measureOverview(engine, folder, overview)
      : undefined;
  process.stdout.write(
    `\n${renderReport({ scenarios, events, changes, manifests, large, overview: overviewReport })}`,
  );
}

let isInterrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    isInterrupted = true;
    void tidyUp().finally(() => process.exit(130));
  });
}
if (options.help) process.stdout.write(usage);
else if (!engineNames.includes(options.engine)) {
  process.stderr.write(`--engine ${options.engine} is none: choose ${engineNames.join(' or ')}\n`);
  process.exitCode = 2;
} else {
  try {
    await bench();
    process.exitCode = complaints > 0 ? 1 : 0;
  } catch (error) {
    // Whatever fails because its process was stopped is no news.
    if (!isInterrupted) throw error;
  } finally {
    if (!isInterrupted) await tidyUp();
  }
}
