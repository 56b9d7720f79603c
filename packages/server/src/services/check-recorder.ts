import type { DeviceCheck } from '../domain/device.ts';
import { isWithin } from '../domain/elapsed.ts';
import type { CounterIncrement } from '../domain/event-effects.ts';
import { refusals } from '../domain/refusals.ts';
import type { UpdateDecision } from '../domain/update-decision.ts';
import type { Clock } from '../ports/clock.ts';
import type { CounterAddition, DeviceEventLog, RecordedEvent } from '../ports/device-events.ts';
import type { DeviceEvents, ReportedEvent } from './device-events.ts';

/** What a check says of its device beside what the decision needs. */
export interface CheckFacts {
  readonly osVersion: string | null;
  readonly customId: string | null;
  readonly installSource: string | null;
}

/**
 * Records update checks in the background: nobody waits for it, and when the store cannot keep up or is gone, checks go
 * unrecorded rather than unanswered.
 */
export interface CheckRecorder {
  note(device: DeviceCheck, facts: CheckFacts, decision: UpdateDecision): void;
  /** Records what a device did with channels, in the same way. */
  noteEvent(event: ReportedEvent): void;
  /** Writes what waits; rejects when the store refuses, and then that part is lost. */
  flush(): Promise<void>;
  /** How many checks went unrecorded since the start. */
  readonly droppedCount: number;
}

const maxWaiting = 20_000;
/** A device that says the same and gets the same answer again within it adds to the counters and not to the log. */
const quietMs = 60_000;
const maxRemembered = 50_000;
const maxTallies = 10_000;

/** A counter of an app, and what repeated checks have added to it since the last flush. */
interface Tally {
  readonly appId: string;
  readonly increment: CounterIncrement;
  times: number;
}

/** A check that was recorded, with the counters that it moves each time it comes again. */
interface LastCheck {
  readonly device: DeviceCheck;
  readonly facts: CheckFacts;
  readonly about: EventSubject;
  readonly atMs: number;
  readonly tallies: readonly Tally[];
}

interface EventSubject {
  readonly action: string;
  readonly versionName: string;
}

/** The action that a decision is logged under, and the bundle it is about (protocol §2.1). */
function subjectOf(device: DeviceCheck, decision: UpdateDecision): EventSubject | undefined {
  if (decision.outcome === 'update_available')
    return { action: 'get', versionName: decision.bundle.versionName };
  if (decision.outcome === 'revert_to_builtin') return { action: 'get', versionName: 'builtin' };
  const { action } = refusals[decision.outcome];
  if (action === null) return undefined;
  const target = decision.considered?.bundle?.versionName;
  return { action, versionName: target ?? device.versionName };
}

/** Whether a check says and gets what the device's last one did. Field by field: at each check, nothing is cheaper. */
function isSame(last: LastCheck, device: DeviceCheck, facts: CheckFacts, about: EventSubject): boolean {
  const before = last.device;
  return (
    before.versionName === device.versionName &&
    last.about.versionName === about.versionName &&
    last.about.action === about.action &&
    before.appId === device.appId &&
    before.platform === device.platform &&
    before.rawNativeVersion === device.rawNativeVersion &&
    before.nativeBuild === device.nativeBuild &&
    before.pluginVersion === device.pluginVersion &&
    before.isEmulator === device.isEmulator &&
    before.isProd === device.isProd &&
    before.defaultChannel === device.defaultChannel &&
    before.keyId === device.keyId &&
    last.facts.osVersion === facts.osVersion &&
    last.facts.customId === facts.customId &&
    last.facts.installSource === facts.installSource
  );
}

export function createCheckRecorder(deps: {
  readonly counters: Pick<DeviceEventLog, 'addToCounters'>;
  readonly deviceEvents: Pick<DeviceEvents, 'prepare' | 'keep' | 'discard'>;
  readonly clock: Clock;
}): CheckRecorder {
  const { counters, deviceEvents, clock } = deps;
  let waiting: RecordedEvent[] = [];
  /** Devices of a channel share theirs: a flush writes as many rows as there are counters, not devices. */
  const tallies = new Map<string, Tally>();
  let moved: Tally[] = [];
  let droppedCount = 0;
  const lastChecks = new Map<string, LastCheck>();

  function remember(check: LastCheck): void {
    const { deviceId } = check.device;
    lastChecks.delete(deviceId);
    lastChecks.set(deviceId, check);
    if (lastChecks.size <= maxRemembered) return;
    const [oldest] = lastChecks.keys();
    if (oldest !== undefined) lastChecks.delete(oldest);
  }

  /** What was not written must not keep the next check of the device from being written. */
  function drop(events: readonly RecordedEvent[]): void {
    for (const { event } of events) lastChecks.delete(event.deviceId);
    droppedCount += events.length;
  }

  /** Whether there was room. */
  function enqueue(events: readonly RecordedEvent[]): boolean {
    const hasRoom = waiting.length < maxWaiting;
    if (hasRoom) waiting.push(...events);
    else {
      deviceEvents.discard(events);
      drop(events);
    }
    return hasRoom;
  }

  function tallyOf(appId: string, increment: CounterIncrement): Tally {
    const { date, bundle, channel, platform, counter } = increment;
    const key = JSON.stringify([appId, date, bundle, channel, platform, counter]);
    const known = tallies.get(key);
    if (known) return known;
    // Those of days that are over are never asked for again; who holds one still can go on with it.
    if (tallies.size >= maxTallies) tallies.clear();
    const tally = { appId, increment, times: 0 };
    tallies.set(key, tally);
    return tally;
  }

  function repeat(check: LastCheck): void {
    for (const tally of check.tallies) {
      if (tally.times === 0) moved.push(tally);
      tally.times += 1;
    }
  }

  function takeAdditions(): CounterAddition[] {
    const additions = moved.map((tally) => ({ ...tally }));
    for (const tally of moved) tally.times = 0;
    moved = [];
    return additions;
  }

  async function writeAdditions(additions: readonly CounterAddition[]): Promise<void> {
    if (additions.length === 0) return;
    try {
      await counters.addToCounters(additions);
    } catch (error) {
      droppedCount += additions.reduce((sum, { times }) => sum + times, 0);
      throw error;
    }
  }

  async function writeEvents(events: readonly RecordedEvent[]): Promise<void> {
    if (events.length === 0) return;
    try {
      await deviceEvents.keep(events);
    } catch (error) {
      drop(events);
      throw error;
    }
  }

  return {
    noteEvent(event) {
      enqueue(deviceEvents.prepare(event));
    },
    note(device, facts, decision) {
      const about = subjectOf(device, decision);
      if (!about) return;
      const now = clock.now();
      const last = lastChecks.get(device.deviceId);
      if (last && isWithin(quietMs, last.atMs, now) && isSame(last, device, facts, about)) {
        repeat(last);
        return;
      }
      const reported: ReportedEvent = {
        appId: device.appId,
        deviceId: device.deviceId,
        action: about.action,
        versionName: about.versionName,
        oldVersionName: device.versionName === about.versionName ? null : device.versionName,
        platform: device.platform,
        pluginVersion: device.pluginVersion,
        nativeVersion: device.nativeVersion,
        rawNativeVersion: device.rawNativeVersion,
        nativeBuild: device.nativeBuild === '' ? null : device.nativeBuild,
        osVersion: facts.osVersion,
        isEmulator: device.isEmulator,
        isProd: device.isProd,
        customId: facts.customId,
        defaultChannel: device.defaultChannel ?? null,
        keyId: device.keyId ?? null,
        installSource: facts.installSource,
        metadata: null,
        deviceTimeMs: null,
      };
      // An offer is not yet an installation: the inventory shows what the device runs.
      const events = deviceEvents.prepare(reported, device.versionName);
      if (!enqueue(events)) return;
      const increments = events.flatMap(({ effects }) => effects.counters);
      const moves = increments.map((increment) => tallyOf(device.appId, increment));
      remember({ device, facts, about, atMs: now, tallies: moves });
    },
    async flush() {
      const events = waiting;
      waiting = [];
      const additions = takeAdditions();
      // Each for itself, so that neither takes the other along.
      const outcomes = await Promise.allSettled([writeEvents(events), writeAdditions(additions)]);
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    get droppedCount() {
      return droppedCount;
    },
  };
}
