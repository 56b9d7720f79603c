import { createHash, hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTargetRollout } from '../testing/decision-builders.ts';
import {
  drawRollout,
  fullBps,
  type Rollout,
  rolloutBucket,
  servesSomebody,
  takesDevices,
} from './rollout.ts';

const running: Rollout = buildTargetRollout({
  bundleId: 'a'.repeat(24),
  isEnabled: true,
  percentageBps: 5_000,
});
const deviceId = 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11';

const someBps = fc.integer({ min: 0, max: fullBps });
const someRolloutId = fc.string({ minLength: 1, maxLength: 40 });

/** Protocol §0.3 D5 written out again, in whole numbers. */
function bucketByTheText(rolloutId: string, device: string): number {
  const hex = hash('sha256', `${rolloutId}:${device.toLowerCase()}`, 'hex');
  return Number((BigInt(`0x${hex.slice(0, 8)}`) * 10_000n) / 4_294_967_296n);
}

/** 20,000 device ids that are the same in every run and as good as random. */
const manyDevices = Array.from({ length: 20_000 }, (_, index) => {
  const hex = createHash('sha256').update(`device ${index}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
});

const isIn = (percentageBps: number, device: string, id = running.id) =>
  drawRollout({ ...running, id, percentageBps }, device, false).isSelected;

describe('the bucket of a device', () => {
  it.each([
    ['r1', '00000000-0000-0000-0000-000000000000'],
    ['r1', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
    ['8c0f7a52-5d0e-4b54-9f3d-2f6f3c1f9a10', deviceId],
    ['', deviceId],
    ['été', deviceId],
  ])('in rollout "%s" of device %s is what the text of D5 says', (rolloutId, device) => {
    expect(rolloutBucket(rolloutId, device)).toBe(bucketByTheText(rolloutId, device));
  });

  // Computed with Python's hashlib: the first 8 hex digits × 10000 // 2**32.
  it.each([
    ['r1', '00000000-0000-0000-0000-000000000000', 3325],
    ['r1', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 2266],
    ['r2', '00000000-0000-0000-0000-000000000000', 8475],
    ['8c0f7a52-5d0e-4b54-9f3d-2f6f3c1f9a10', 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11', 8374],
  ] as const)('in rollout %s of device %s is %i', (rolloutId, device, bucket) => {
    expect(rolloutBucket(rolloutId, device)).toBe(bucket);
  });

  it('is a whole number from 0 to 9,999, the text of D5 for every device', () => {
    fc.assert(
      fc.property(someRolloutId, fc.uuid(), (rolloutId, device) => {
        const bucket = rolloutBucket(rolloutId, device);
        expect(bucket).toBe(bucketByTheText(rolloutId, device));
        expect(Number.isInteger(bucket) && bucket >= 0 && bucket < fullBps).toBe(true);
      }),
    );
  });

  it('does not depend on the letter case of the device id', () => {
    fc.assert(
      fc.property(someRolloutId, fc.uuid(), (rolloutId, device) => {
        expect(rolloutBucket(rolloutId, device.toUpperCase())).toBe(rolloutBucket(rolloutId, device));
      }),
    );
  });
});

describe('the draw of a rollout (protocol §0.3 D5)', () => {
  const bucket = rolloutBucket(running.id, deviceId);

  const off = { bundleId: null, isEnabled: false, percentageBps: 0, pausedAtMs: 1 };
  const table: [string, Partial<Rollout>, isOn: boolean, isSelected: boolean, reason: string][] = [
    ['no bundle', { bundleId: null }, false, false, 'no_rollout'],
    ['no bundle, before all else', off, true, false, 'no_rollout'],
    ['no bundle at full percentage', { bundleId: null, percentageBps: fullBps }, true, false, 'no_rollout'],
    ['disabled', { isEnabled: false }, false, false, 'disabled'],
    ['disabled, for a device on it', { isEnabled: false }, true, false, 'disabled'],
    ['disabled, at zero and paused', { ...off, bundleId: running.bundleId }, true, false, 'disabled'],
    ['zero', { percentageBps: 0 }, false, false, 'percentage_zero'],
    ['zero, for a device on it', { percentageBps: 0 }, true, false, 'percentage_zero'],
    ['zero and paused', { percentageBps: 0, pausedAtMs: 1 }, true, false, 'percentage_zero'],
    ['paused', { pausedAtMs: 1, percentageBps: fullBps }, false, false, 'paused'],
    ['paused at the epoch', { pausedAtMs: 0, percentageBps: fullBps }, false, false, 'paused'],
    ['paused, for a device on it', { pausedAtMs: 1, percentageBps: 1 }, true, true, 'already_on_rollout'],
    ['the bucket just inside', { percentageBps: bucket + 1 }, false, true, 'in_percentage'],
    ['the bucket just outside', { percentageBps: bucket }, false, false, 'outside_percentage'],
    ['outside, for a device on it', { percentageBps: bucket }, true, false, 'outside_percentage'],
    ['full', { percentageBps: fullBps }, false, true, 'in_percentage'],
  ];
  it.each(table)('at %s', (_what, given, isOnRolloutBundle, isSelected, reason) => {
    const draw = drawRollout({ ...running, ...given }, deviceId, isOnRolloutBundle);
    const isDrawn = reason === 'in_percentage' || reason === 'outside_percentage';
    expect(draw).toStrictEqual({ isSelected, reason, bucket: isDrawn ? bucket : undefined });
  });

  it('only adds devices when the percentage is raised, and only removes them when it is lowered', () => {
    fc.assert(
      fc.property(
        someRolloutId,
        fc.uuid(),
        someBps,
        someBps,
        fc.boolean(),
        (id, device, one, other, isOn) => {
          const [low, high] = [Math.min(one, other), Math.max(one, other)];
          const at = (percentageBps: number) =>
            drawRollout({ ...running, id, percentageBps }, device, isOn).isSelected;
          expect(at(low) && !at(high)).toBe(false);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('takes every device at 10,000 and none at 0', () => {
    fc.assert(
      fc.property(someRolloutId, fc.uuid(), fc.boolean(), (id, device, isOn) => {
        expect(drawRollout({ ...running, id, percentageBps: fullBps }, device, isOn).isSelected).toBe(true);
        expect(drawRollout({ ...running, id, percentageBps: 0 }, device, isOn).isSelected).toBe(false);
      }),
    );
    expect(manyDevices.every((device) => isIn(fullBps, device))).toBe(true);
    expect(manyDevices.some((device) => isIn(0, device))).toBe(false);
  });

  it.each([100, 1_000, 2_500, 5_000, 9_000])('takes close to %i basis points of many devices', (bps) => {
    const share = manyDevices.filter((device) => isIn(bps, device)).length / manyDevices.length;
    expect(Math.abs(share * fullBps - bps)).toBeLessThan(150);
  });

  it('shuffles the devices anew with every rollout id', () => {
    const half = manyDevices.filter((device) => isIn(5_000, device, 'first'));
    const again = half.filter((device) => isIn(5_000, device, 'second'));
    expect(Math.abs(again.length / half.length - 0.5)).toBeLessThan(0.015);
  });

  it('is the same at every check', () => {
    fc.assert(
      fc.property(fc.uuid(), someBps, (device, percentageBps) => {
        const rollout = { ...running, percentageBps };
        expect(drawRollout(rollout, device, false)).toEqual(drawRollout(rollout, device, false));
        expect(drawRollout(rollout, device.toUpperCase(), false)).toEqual(
          drawRollout(rollout, device, false),
        );
      }),
    );
  });
});

describe('a rollout that serves somebody', () => {
  const some: readonly Partial<Rollout>[] = [{}, { pausedAtMs: 1 }, { percentageBps: fullBps }];
  const none: readonly Partial<Rollout>[] = [{ bundleId: null }, { isEnabled: false }, { percentageBps: 0 }];
  it('is one that a device may have its bundle by, also while it is paused', () => {
    for (const given of some)
      expect([given, servesSomebody({ ...running, ...given })]).toEqual([given, true]);
    for (const given of none)
      expect([given, servesSomebody({ ...running, ...given })]).toEqual([given, false]);
  });
  it('is exactly one that a draw can choose, and takes devices when it chooses ones that do not have it', () => {
    for (const first of [...some, ...none])
      for (const second of [...some, ...none]) {
        const rollout = { ...running, ...first, ...second };
        const chosen = manyDevices
          .slice(0, 50)
          .some((device) => drawRollout(rollout, device, true).isSelected);
        expect(servesSomebody(rollout)).toBe(chosen);
        const taken = manyDevices
          .slice(0, 50)
          .some((device) => drawRollout(rollout, device, false).isSelected);
        expect(takesDevices(rollout)).toBe(taken);
      }
  });
});
