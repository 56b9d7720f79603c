import { describe, expect, it } from 'vitest';
import { devicesOfShare, rolloutState, rulesInWords } from './channel-words.ts';

const rules = {
  public: true,
  ...{ ios: true, android: true, electron: true },
  ...{
    allow_device_self_set: false,
    allow_emulator: true,
    allow_device: true,
    allow_dev: true,
    allow_prod: true,
  },
  ...({ disableAutoUpdate: 'major', disableAutoUpdateUnderNative: true } as const),
};

describe('the rules of a channel in words', () => {
  it('say whom a public channel serves, and what it withholds', () => {
    expect(rulesInWords(rules)).toEqual([
      'Serves every platform: every device that names no other channel.',
      'Withholds bundles of another major version than the native app’s.',
      'Never gives a bundle that is older than the native app.',
    ]);
  });

  it('name the platforms it serves, and whom it turns away', () => {
    const words = rulesInWords({
      ...rules,
      public: false,
      allow_device_self_set: true,
      electron: false,
      allow_dev: false,
      allow_emulator: false,
    });
    expect(words[0]).toBe('Serves iOS and Android: devices that choose it or that you pin to it.');
    expect(words[1]).toBe('Turns away debug builds and emulators.');
  });

  it('warn of a channel for no platform', () => {
    expect(rulesInWords({ ...rules, ios: false, android: false, electron: false })[0]).toMatch(/no platform/);
  });
});

it('the state of a rollout is one word', () => {
  const rollout = {
    rollout_version_info: { id: 1, name: '1.0.1' },
    rolloutEnabled: true,
    rolloutPausedAt: null,
    rolloutPercentageBps: 500,
  };
  expect(rolloutState({ ...rollout, rollout_version_info: null })).toBe('none');
  expect(rolloutState({ ...rollout, rolloutEnabled: false })).toBe('off');
  expect(rolloutState({ ...rollout, rolloutPausedAt: '2026-01-01T00:00:00Z' })).toBe('paused');
  expect(rolloutState(rollout)).toBe('running');
  expect(rolloutState({ ...rollout, rolloutPercentageBps: 10_000 })).toBe('everybody');
});

it('a share of devices is never shown as nobody when it is somebody', () => {
  expect(devicesOfShare(100_000, 5)).toBe(5_000);
  expect(devicesOfShare(10, 1)).toBe(1);
  expect(devicesOfShare(10, 0)).toBe(0);
  expect(devicesOfShare(0, 50)).toBe(0);
});
