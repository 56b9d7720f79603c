import type { AppSnapshot } from '../domain/app.ts';
import { attributeChannel } from '../domain/channel-resolution.ts';
import { type DeviceEvent, reportedPlatform } from '../domain/device.ts';
import { countedBundle, type EventEffects, effectsOf } from '../domain/event-effects.ts';
import { type DeviceActivity, dayOf } from '../domain/statistics.ts';
import type { DecisionRules } from '../domain/update-decision.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeviceEventFilter, DeviceEventLog, RecordedEvent } from '../ports/device-events.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { Ids } from '../ports/ids.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import { createSightings, type Sightings } from './sightings.ts';

/** An event as its device tells it. */
export interface ReportedEvent extends Omit<DeviceEvent, 'id' | 'channelName' | 'receivedAtMs'> {
  /** The native version exactly as sent: releases are found by it. */
  readonly rawNativeVersion: string;
}

export interface DeviceEvents {
  isAppRegistered(appId: string): boolean;
  /**
   * Keeps all of the events of registered apps, in their order, or none; when it resolves they are committed, and what
   * they teach of their devices is known to the next update check. One with a custom id, of an app that allows none, is
   * kept without it and followed by an event `customIdBlocked` (protocol §5.3 rule 7).
   */
  record(events: readonly ReportedEvent[]): Promise<void>;
  /**
   * The same events ready to be kept, for a caller that keeps them later; a custom id that the app does not allow is
   * left out, and no event says so (protocol §1.7).
   *
   * @param runningVersionName the bundle the device runs, when the event is about another one
   */
  prepare(event: ReportedEvent, runningVersionName?: string): readonly RecordedEvent[];
  /** Keeps prepared events: all of them or none. */
  keep(events: readonly RecordedEvent[]): Promise<void>;
  /** Takes prepared events back that nobody will keep. */
  discard(events: readonly RecordedEvent[]): void;
  list(filter: DeviceEventFilter, page: PageRequest): Promise<Page<DeviceEvent>>;
  count(filter: DeviceEventFilter): Promise<number>;
}

const customIdBlocked = 'customIdBlocked';

function hasBlockedCustomId({ customId }: ReportedEvent, { settings }: AppSnapshot): boolean {
  return customId !== null && !settings.allowDeviceCustomId;
}

/** The bundle that a `set` has replaced, as an event of its own (protocol §5.3 rule 4). */
function withUninstall(event: ReportedEvent, app: AppSnapshot): ReportedEvent[] {
  const old = event.oldVersionName;
  const isReplaced =
    event.action === 'set' && old !== null && old !== event.versionName && app.bundlesByName.has(old);
  if (!isReplaced) return [event];
  return [event, { ...event, action: 'uninstall', versionName: old, oldVersionName: null, metadata: null }];
}

/** @param nativeVersion as sent, so that what is found by it is found for the inventory's device too */
function deviceOf(event: DeviceEvent, versionName: string | null, nativeVersion: string | null) {
  const { appId, deviceId, platform, pluginVersion, osVersion, nativeBuild } = event;
  const { customId, isEmulator, isProd, defaultChannel, keyId, installSource } = event;
  return {
    ...{ appId, deviceId, platform, pluginVersion, osVersion, nativeVersion, nativeBuild, versionName },
    ...{ customId, isEmulator, isProd, defaultChannel, keyId, installSource },
    seenAtMs: event.receivedAtMs,
  };
}

/**
 * Failures name the bundle that failed, not the one that runs, and `uninstall` the one that is gone (protocol §5.3
 * rule 5); a blocked custom id names what the event names that it came with.
 */
function tellsState({ action }: Pick<DeviceEvent, 'action'>): boolean {
  return !action.endsWith('_fail') && action !== 'uninstall' && action !== customIdBlocked;
}

function activityOf(event: DeviceEvent, running: string | null, app: AppSnapshot): DeviceActivity {
  const isOffer = event.action === 'get' && event.isProd && !event.isEmulator;
  return {
    ...{ atMs: event.receivedAtMs, date: dayOf(event.receivedAtMs) },
    platform: reportedPlatform(event),
    bundle: running === null ? null : countedBundle(running, event, app),
    nativeVersion: event.nativeVersion,
    pluginVersion: event.pluginVersion,
    channel: event.channelName ?? '',
    offered: isOffer ? countedBundle(event.versionName, event, app) : null,
  };
}

/** Actions about a bundle that the device does not run, or not yet (protocol §5.4). */
const aboutOtherBundle = /^(delete|set_next|download_.*)$/;

export function createDeviceEvents(deps: {
  readonly log: DeviceEventLog;
  readonly appSnapshots: AppSnapshots;
  readonly deviceStates: DeviceStates;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly rules: DecisionRules;
}): DeviceEvents {
  const { log, appSnapshots, deviceStates, clock, ids, rules } = deps;
  const sightings: Sightings = createSightings();

  function channelOf(event: ReportedEvent, app: AppSnapshot): string | null {
    const platform = reportedPlatform(event);
    if (platform === 'unknown' || app.channelsById.size === 0) return null;
    const asker = {
      platform,
      pluginVersion: event.pluginVersion ?? '0.0.0',
      defaultChannel: event.defaultChannel ?? undefined,
      rawNativeVersion: event.rawNativeVersion,
      nativeBuild: event.nativeBuild ?? '',
    };
    return attributeChannel(app, asker, deviceStates.find(event));
  }

  /** A server that never withholds a bundle has no use for the memory of what failed. */
  function effectsFor(event: DeviceEvent, app: AppSnapshot): EventEffects {
    const effects = effectsOf(event, app, sightings.known(event));
    return rules.failedBundleRetries > 0 ? effects : { ...effects, failedInstall: null };
  }

  /** At the same time and of the same bundle, so that an event that is told again does not block the id again. */
  function withBlockedCustomId(event: ReportedEvent): ReportedEvent[] {
    const app = appSnapshots.find(event.appId);
    if (!app || !hasBlockedCustomId(event, app)) return [event];
    return [event, { ...event, action: customIdBlocked, oldVersionName: null, metadata: null }];
  }

  function prepare(given: ReportedEvent, runningVersionName = given.versionName): RecordedEvent[] {
    const app = appSnapshots.find(given.appId);
    if (!app) return [];
    const reported = hasBlockedCustomId(given, app) ? { ...given, customId: null } : given;
    const receivedAtMs = clock.now();
    const channelName = channelOf(reported, app);
    return withUninstall(reported, app).map(({ rawNativeVersion, ...each }) => {
      const event: DeviceEvent = { ...each, id: ids.next(), channelName, receivedAtMs };
      const running = aboutOtherBundle.test(event.action) ? null : runningVersionName;
      const nativeVersion = rawNativeVersion === '' ? null : rawNativeVersion;
      const device = tellsState(event) ? deviceOf(event, running, nativeVersion) : undefined;
      const activity = device ? activityOf(event, running, app) : null;
      const isNews = device !== undefined && sightings.isNews(device);
      const isActive = activity !== null && sightings.isNewActivity(event, activity);
      if (event.action === 'get') sightings.noteOffer(event, event.versionName);
      return {
        ...{ event, effects: effectsFor(event, app) },
        device: isNews ? device : undefined,
        activity: isActive ? activity : null,
      };
    });
  }

  function discard(events: readonly RecordedEvent[]): void {
    // What was not written is still news the next time.
    for (const { device } of events) if (device) sightings.forget(device);
  }

  async function keep(events: readonly RecordedEvent[]): Promise<void> {
    try {
      await log.appendDeviceEvents(events);
    } catch (error) {
      discard(events);
      throw error;
    }
    const failing = events.filter(({ effects }) => effects.failedInstall !== null).map(({ event }) => event);
    // The events are committed: a device that was told otherwise would send them again. The refresh is tried again.
    if (failing.length > 0) await deviceStates.refresh(failing).catch(() => undefined);
  }

  return {
    isAppRegistered: (appId) => appSnapshots.find(appId) !== undefined,
    record: (reported) => keep(reported.flatMap(withBlockedCustomId).flatMap((event) => prepare(event))),
    prepare,
    keep,
    discard,
    list: (filter, page) => log.listDeviceEvents(filter, page),
    count: (filter) => log.countDeviceEvents(filter),
  };
}
