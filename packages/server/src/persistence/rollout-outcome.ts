import { buildAppSnapshot } from '../domain/app.ts';
import type { DeviceEvent } from '../domain/device.ts';
import { effectsOf } from '../domain/event-effects.ts';

const noApp = buildAppSnapshot({ appId: '', releases: [], channels: [], bundles: [] });

/**
 * What an event says of a rollout: that a bundle was installed, that one failed, or nothing. It is what the counters
 * count, so the rule about which failures and which devices count is asked there and not written again.
 */
export function rolloutOutcomeOf(event: DeviceEvent): 'install' | 'fail' | null {
  if (event.action !== 'set' && !event.action.endsWith('_fail')) return null;
  const counted = effectsOf(event, noApp).counters.map(({ counter }) => counter);
  return counted.includes('install') ? 'install' : counted.includes('fail') ? 'fail' : null;
}
