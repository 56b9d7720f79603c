import type { LargeFleetSize } from './large-fleet.ts';
import type { LoadResult } from './load-messages.ts';
import type { OverviewReport } from './overview.ts';
import type { Memory } from './servers.ts';

/** One server under one load, once. */
export interface Measurement extends LoadResult {
  /** CPU time of all the server's threads for one request. */
  readonly cpuUs: number;
}

/** The same rounds on both servers; the measurements at one place were taken one right after the other. */
export interface Rounds {
  readonly ours: readonly Measurement[];
  readonly bare: readonly Measurement[];
}

export interface ScenarioReport {
  readonly name: string;
  readonly closed: Rounds;
  readonly open: Rounds;
  readonly ours: Memory;
  readonly bare: Memory;
}

export interface EventsReport {
  readonly perSecond: number;
  readonly batch: LoadResult;
  readonly acknowledged: number;
  readonly readable: number;
  readonly memory: Memory;
  /** Update checks at the usual rate while events come in. */
  readonly checksMeanwhile: LoadResult;
  readonly eventsMeanwhilePerSecond: number;
}

/** Small checks at the usual rate, alone and while large answers are sent to others. */
export interface ManifestAnswersReport {
  readonly fileCount: number;
  readonly manifestsPerSecond: number;
  readonly alone: readonly LoadResult[];
  readonly beside: readonly LoadResult[];
  /** While another server sends the same large answers, on the same machine. */
  readonly elsewhere: readonly LoadResult[];
  readonly large: readonly LoadResult[];
  readonly memory: Memory;
}

/** How long changes of one node took to reach another. */
export interface ChangesReport {
  readonly name: string;
  readonly delaysMs: readonly number[];
}

/** A server with many apps in memory. */
export interface LargeReport {
  readonly size: LargeFleetSize;
  readonly startSeconds: number;
  readonly atStart: Memory;
  readonly checks: LoadResult;
  readonly underLoad: Memory;
}

const maxChangeMs = 1_000;
const maxOverviewMs = 1_000;
const minRatio = 0.7;
const maxP99Ms = 5;
const maxRssMb = 200;
const minEventsPerSecond = 20_000;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
}

function medianOf(measurements: readonly Measurement[], read: (each: Measurement) => number): number {
  return median(measurements.map(read));
}

const perSecond = (each: LoadResult) => each.answered / each.seconds;
const p50 = (each: LoadResult) => each.p50Ms;
const p99 = (each: LoadResult) => each.p99Ms;
const cpu = (each: Measurement) => each.cpuUs;

/** Median over the rounds of ours to bare: what disturbs a round disturbs both sides of it. */
function ratioOf({ ours, bare }: Rounds, read: (each: Measurement) => number): number {
  return median(ours.map((each, round) => read(each) / (bare[round] ? read(bare[round]) : Number.NaN)));
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function percentiles(measurements: readonly Measurement[]): string {
  return `${medianOf(measurements, p50).toFixed(2)} / ${medianOf(measurements, p99).toFixed(2)}`;
}

function memory({ rssMb, peakMb }: Memory): string {
  return `${whole(rssMb)} (${whole(peakMb)})`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join(' | ')} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [line(header), line(rule), ...rows.map(line)].join('\n');
}

function scenarioRow({ name, closed, open, ours, bare }: ScenarioReport): string[] {
  return [
    name,
    whole(medianOf(closed.ours, perSecond)),
    whole(medianOf(closed.bare, perSecond)),
    ratioOf(closed, perSecond).toFixed(2),
    `${whole(medianOf(closed.ours, cpu))} / ${whole(medianOf(closed.bare, cpu))}`,
    percentiles(closed.ours),
    percentiles(closed.bare),
    percentiles(open.ours),
    percentiles(open.bare),
    memory(ours),
    memory(bare),
  ];
}

const scenarioHeader = [
  'POST /updates',
  'ours req/s',
  'bare req/s',
  'ratio',
  'CPU µs/req',
  'closed ours p50/p99 ms',
  'closed bare',
  'open 1000/s ours p50/p99 ms',
  'open bare',
  'RSS ours MiB (peak)',
  'RSS bare',
];

interface Extreme {
  readonly value: number;
  readonly name: string;
}

function worst(scenarios: readonly ScenarioReport[], read: (each: ScenarioReport) => number): Extreme {
  return scenarios
    .map((scenario) => ({ value: read(scenario), name: scenario.name }))
    .reduce((left, right) => (right.value > left.value ? right : left));
}

function verdict(isMet: boolean, target: string, found: string): string {
  return `- ${isMet ? 'met   ' : 'MISSED'} ${target}: ${found}`;
}

function changesRow({ name, delaysMs }: ChangesReport): string[] {
  return [name, whole(median(delaysMs)), whole(Math.max(...delaysMs))];
}

function largeTable({ size, startSeconds, atStart, checks, underLoad }: LargeReport): string {
  const { apps, bundlesPerApp, channelsPerApp, overridesPerApp } = size;
  const name = `${whole(apps)} apps × ${bundlesPerApp} bundles × ${channelsPerApp} channels, ${whole(apps * overridesPerApp)} overrides`;
  return table(
    [
      'A large database',
      'start s',
      'RSS MiB at start (peak)',
      'under 1,000 checks/s (peak)',
      'checks p50/p99 ms',
    ],
    [
      [
        name,
        startSeconds.toFixed(1),
        memory(atStart),
        memory(underLoad),
        `${checks.p50Ms.toFixed(2)} / ${checks.p99Ms.toFixed(2)}`,
      ],
    ],
  );
}

function overviewTable({ size, rows, asked }: OverviewReport): string {
  const title = `${whole(size.days)} days of ${whole(size.devices)} devices, ${whole(rows.statistics + rows.counters)} rows`;
  return table(
    [title, 'median ms', 'longest ms'],
    asked.map(({ name, timesMs }) => [name, whole(median(timesMs)), whole(Math.max(...timesMs))]),
  );
}

/** The tables and a line for each target, in Markdown. */
export function renderReport({
  scenarios,
  events,
  changes,
  manifests,
  large,
  overview,
}: {
  readonly scenarios: readonly ScenarioReport[];
  readonly events: EventsReport | undefined;
  readonly changes: readonly ChangesReport[];
  readonly manifests: ManifestAnswersReport | undefined;
  readonly large: LargeReport | undefined;
  readonly overview: OverviewReport | undefined;
}): string {
  const parts: string[] = [];
  const verdicts: string[] = [];
  if (scenarios.length > 0) {
    parts.push(table(scenarioHeader, scenarios.map(scenarioRow)));
    const busiest = worst(scenarios, ({ closed }) =>
      Math.max(...[...closed.ours, ...closed.bare].map(({ generatorBusy }) => generatorBusy)),
    );
    const latest = worst(scenarios, ({ open }) =>
      Math.max(...[...open.ours, ...open.bare].map(({ sentLateP99Ms }) => sentLateP99Ms)),
    );
    parts.push(
      'Medians of the rounds; the ratio is the median of the ratios of each round. The load generator used up to ' +
        `${whole(busiest.value * 100)} % of a core in the closed loops; in the open ones its own p99 lateness, which is ` +
        `part of the times, was up to ${latest.value.toFixed(2)} ms.`,
    );
    const inverse = worst(scenarios, ({ closed }) => -ratioOf(closed, perSecond));
    const slowest = worst(scenarios, ({ open }) => medianOf(open.ours, p99));
    const slowestBare = worst(scenarios, ({ open }) => medianOf(open.bare, p99));
    const largest = worst(scenarios, ({ ours }) => ours.rssMb);
    verdicts.push(
      verdict(
        -inverse.value >= minRatio,
        `at least ${minRatio} of the bare route`,
        `${(-inverse.value).toFixed(2)} (${inverse.name})`,
      ),
      verdict(
        slowest.value <= maxP99Ms,
        `p99 at most ${maxP99Ms} ms at 1,000 requests/s`,
        `${slowest.value.toFixed(2)} ms (${slowest.name}; the bare route's worst: ${slowestBare.value.toFixed(2)} ms)`,
      ),
      verdict(
        largest.value <= maxRssMb,
        `RSS at most ${maxRssMb} MiB`,
        `${whole(largest.value)} MiB (${largest.name})`,
      ),
    );
  }
  if (events) {
    const { batch, checksMeanwhile } = events;
    const meanwhile = `while ${whole(events.eventsMeanwhilePerSecond)} events/s come in`;
    parts.push(
      table(
        ['POST /stats', 'rate', 'p50/p99 ms', 'RSS MiB (peak)'],
        [
          [
            'batches of 50, closed loop',
            `${whole(events.perSecond)} events/s`,
            `${batch.p50Ms.toFixed(2)} / ${batch.p99Ms.toFixed(2)}`,
            memory(events.memory),
          ],
          [
            `POST /updates ${meanwhile}`,
            `${whole(perSecond(checksMeanwhile))} req/s`,
            `${checksMeanwhile.p50Ms.toFixed(2)} / ${checksMeanwhile.p99Ms.toFixed(2)}`,
            '',
          ],
        ],
      ),
    );
    verdicts.push(
      verdict(
        events.perSecond >= minEventsPerSecond,
        `at least ${whole(minEventsPerSecond)} events/s`,
        `${whole(events.perSecond)}`,
      ),
      verdict(
        events.acknowledged === events.readable,
        'every acknowledged event readable',
        `${whole(events.acknowledged)} acknowledged, ${whole(events.readable)} readable`,
      ),
    );
  }
  if (manifests) {
    const times = (results: readonly LoadResult[]) =>
      `${median(results.map(p50)).toFixed(2)} / ${median(results.map(p99)).toFixed(2)}`;
    const rate = (results: readonly LoadResult[]) => `${whole(median(results.map(perSecond)))} req/s`;
    const what = `manifests of ${whole(manifests.fileCount)} files`;
    const row = (name: string, results: readonly LoadResult[], rss = '') => {
      return [name, rate(results), times(results), rss];
    };
    parts.push(
      table(
        ['POST /updates, open loop', 'rate', 'p50/p99 ms', 'RSS MiB (peak)'],
        [
          row('small answers alone', manifests.alone),
          row(`small answers beside ${what}`, manifests.beside),
          row('small answers while another server sends those', manifests.elsewhere),
          row(`${what}, gzip`, manifests.large, memory(manifests.memory)),
        ],
      ),
    );
    const [ours, others] = [manifests.beside, manifests.elsewhere].map((each) => median(each.map(p99)));
    verdicts.push(
      verdict(
        (ours ?? Infinity) <= Math.max(maxP99Ms, 1.25 * (others ?? 0)),
        `p99 beside ${whole(manifests.manifestsPerSecond)} large answers/s is as while another server sends them`,
        `${ours?.toFixed(2)} ms (another server: ${others?.toFixed(2)} ms)`,
      ),
    );
  }
  if (changes.length > 0) {
    parts.push(table(['A change on another node', 'median ms', 'longest ms'], changes.map(changesRow)));
    const slowest = Math.max(...changes.flatMap(({ delaysMs }) => delaysMs));
    verdicts.push(
      verdict(
        slowest <= maxChangeMs,
        `a change on another node within ${whole(maxChangeMs)} ms`,
        `${whole(slowest)}`,
      ),
    );
  }
  if (large) parts.push(largeTable(large));
  if (overview) {
    parts.push(overviewTable(overview));
    const slowest = Math.max(...overview.asked.flatMap(({ timesMs }) => timesMs));
    verdicts.push(
      verdict(slowest < maxOverviewMs, 'statistics within a second', `${whole(slowest)} ms at the longest`),
    );
  }
  return `${[...parts, verdicts.join('\n')].join('\n\n')}\n`;
}
