import type { DeviceCheck } from '../domain/device.ts';
import { refusals } from '../domain/refusals.ts';
import type { UpdateDecision } from '../domain/update-decision.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceEventLog, RecordedEvent } from '../ports/device-events.ts';
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
/** A device that says the same and gets the same answer again within it adds nothing to the log. */
const quietMs = 60_000;
const maxRemembered = 50_000;

/** The action that a decision is logged under, and the bundle it is about (protocol §2.1). */
function eventOf(
  device: DeviceCheck,
  decision: UpdateDecision,
): { action: string; versionName: string } | undefined {
  if (decision.outcome === 'update_available')
    return { action: 'get', versionName: decision.bundle.versionName };
  if (decision.outcome === 'revert_to_builtin') return { action: 'get', versionName: 'builtin' };
  const { action } = refusals[decision.outcome];
  if (action === null) return undefined;
  const target = decision.considered?.bundle?.versionName;
  return { action, versionName: target ?? device.versionName };
}

export function createCheckRecorder(deps: {
  readonly log: DeviceEventLog;
  readonly deviceEvents: DeviceEvents;
  readonly clock: Clock;
}): CheckRecorder {
  const { log, deviceEvents, clock } = deps;
  let waiting: RecordedEvent[] = [];
  let droppedCount = 0;
  const lastAnswers = new Map<string, { readonly answer: string; readonly atMs: number }>();

  function isRepetition(device: DeviceCheck, answer: string): boolean {
    const key = `${device.appId}\n${device.deviceId}`;
    const before = lastAnswers.get(key);
    const now = clock.now();
    if (before && before.answer === answer && now - before.atMs < quietMs) return true;
    lastAnswers.delete(key);
    lastAnswers.set(key, { answer, atMs: now });
    if (lastAnswers.size > maxRemembered) {
      const [oldest] = lastAnswers.keys();
      if (oldest !== undefined) lastAnswers.delete(oldest);
    }
    return false;
  }

  function enqueue(recorded: readonly RecordedEvent[]): void {
    if (waiting.length >= maxWaiting) droppedCount += 1;
    else waiting.push(...recorded);
  }

  return {
    noteEvent: (event) => enqueue(deviceEvents.prepare(event)),
    note(device, facts, decision) {
      const event = eventOf(device, decision);
      if (!event) return;
      const said = [...Object.values(device), ...Object.values(facts)];
      if (isRepetition(device, [event.action, event.versionName, ...said].join('\n'))) return;
      const reported: ReportedEvent = {
        appId: device.appId,
        deviceId: device.deviceId,
        action: event.action,
        versionName: event.versionName,
        oldVersionName: device.versionName === event.versionName ? null : device.versionName,
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
      enqueue(deviceEvents.prepare(reported, device.versionName));
    },
    async flush() {
      if (waiting.length === 0) return;
      const batch = waiting;
      waiting = [];
      try {
        await log.appendDeviceEvents(batch);
      } catch (error) {
        droppedCount += batch.length;
        throw error;
      }
    },
    get droppedCount() {
      return droppedCount;
    },
  };
}
