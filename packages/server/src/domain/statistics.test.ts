import { describe, expect, it } from 'vitest';
import {
  addDays,
  type CountedDevice,
  countActivity,
  type DeviceActivity,
  freeName,
  maxFreeNames,
} from './statistics.ts';

const activity: DeviceActivity = {
  atMs: Date.UTC(2026, 0, 15, 12),
  ...{ date: '2026-01-15', platform: 'ios', bundle: '1.0.0', nativeVersion: '1.0', pluginVersion: '8.0.0' },
  ...{ channel: '', offered: null },
};
const asGiven = (_metric: string, given: string) => given;
const summary = (result: ReturnType<typeof countActivity>) =>
  result.increments.map(({ metric, date, name, detail, amount }) =>
    [amount > 0 ? '+' : '-', metric, date, name, detail].join(' ').trim(),
  );
const counted = countActivity(undefined, activity, asGiven).counted;

describe('counting a device', () => {
  it('counts one that was never counted under everything it tells, and as new', () => {
    expect(summary(countActivity(undefined, activity, asGiven))).toEqual([
      '+ active 2026-01-15 ios',
      '+ active_bundle 2026-01-15 1.0.0',
      '+ active_native 2026-01-15 1.0 ios',
      '+ active_plugin 2026-01-15 8.0.0',
      '+ active_channel 2026-01-15',
      '+ new 2026-01-15 ios',
    ]);
  });

  it('changes nothing for the same on the same day, and answers what it was given', () => {
    const again = countActivity(counted, activity, asGiven);
    expect(again).toEqual({ counted, increments: [] });
    expect(again.counted).toBe(counted);
  });

  it.each<[string, Partial<DeviceActivity>, readonly string[]]>([
    ['bundle', { bundle: '1.0.1' }, ['- active_bundle 2026-01-15 1.0.0', '+ active_bundle 2026-01-15 1.0.1']],
    ['channel', { channel: 'beta' }, ['- active_channel 2026-01-15', '+ active_channel 2026-01-15 beta']],
    [
      'native version',
      { nativeVersion: '2.0' },
      ['- active_native 2026-01-15 1.0 ios', '+ active_native 2026-01-15 2.0 ios'],
    ],
    ['nothing it tells', { bundle: null, nativeVersion: null, pluginVersion: null }, []],
    ['an offer', { offered: '1.0.1' }, ['+ offered 2026-01-15 1.0.1']],
  ])('moves it on the day itself with its %s', (_what, given, expected) => {
    expect(summary(countActivity(counted, { ...activity, ...given }, asGiven))).toEqual(expected);
  });

  it.each([
    ['2026-01-16', ['active', 'active_bundle', 'active_native', 'active_plugin', 'active_channel']],
    ['2026-02-01', ['active', 'active_bundle', 'active_native', 'active_plugin', 'active_channel', 'new']],
    ['2027-01-15', ['active', 'active_bundle', 'active_native', 'active_plugin', 'active_channel', 'new']],
    ['2026-01-14', []],
    // Of a clock that was set back.
    ['2026-01-10', ['active', 'active_bundle', 'active_native', 'active_plugin', 'active_channel']],
  ])('on %s counts it under %j', (date, metrics) => {
    const { increments } = countActivity(counted, { ...activity, date }, asGiven);
    expect(increments.map(({ metric }) => metric)).toEqual(metrics);
    expect(increments.every((each) => each.amount === 1 && each.date === date)).toBe(true);
  });

  it('does not move with what is older than what it is counted under, but counts an offer', () => {
    const updated = countActivity(counted, { ...activity, bundle: '1.0.1' }, asGiven).counted;
    const late = { ...activity, atMs: activity.atMs - 250, offered: '1.0.1' };
    expect(summary(countActivity(updated, late, asGiven))).toEqual(['+ offered 2026-01-15 1.0.1']);
    expect(countActivity(updated, late, asGiven).counted).toEqual({ ...updated, offered: '1.0.1' });
    const setBack = { ...activity, atMs: activity.atMs - 60 * 60 * 1000 };
    expect(countActivity(updated, setBack, asGiven).counted.bundle).toBe('1.0.0');
  });

  it('remembers what was offered over days', () => {
    const offered = countActivity(counted, { ...activity, offered: '1.0.1' }, asGiven).counted;
    const nextDay = countActivity(offered, { ...activity, date: '2026-01-16', offered: '1.0.1' }, asGiven);
    expect(summary(nextDay).filter((each) => each.includes('offered'))).toEqual([]);
    const another: CountedDevice = { ...offered, offered: '1.0.2' };
    const changed = countActivity(another, { ...activity, offered: '1.0.1' }, asGiven);
    expect(summary(changed)).toEqual(['+ offered 2026-01-15 1.0.1']);
  });

  it('takes other names for those it must not take', () => {
    const result = countActivity(undefined, activity, (metric) => `${metric} rest`);
    expect(result.counted).toMatchObject({
      nativeVersion: 'active_native rest',
      pluginVersion: 'active_plugin rest',
      bundle: '1.0.0',
    });
  });
});

it('a free name is taken when it is admitted and not long', () => {
  expect(freeName('1.0', () => true)).toBe('1.0');
  expect(freeName('1.0', () => false)).toBe('other');
  expect(freeName('9'.repeat(65), () => true)).toBe('other');
  expect(maxFreeNames).toBe(100);
});

it('days go on over months and years', () => {
  expect(addDays('2025-12-31', 1)).toBe('2026-01-01');
  expect(addDays('2026-03-01', -1)).toBe('2026-02-28');
});
