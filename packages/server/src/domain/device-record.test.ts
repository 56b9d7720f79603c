import { expect, it } from 'vitest';
import { buildDeviceRecord, someTimeMs } from '../testing/builders.ts';
import { clockSetBackMs, foldRecords, replacesRecord } from './device-record.ts';

it.each([
  ['newer', 1, true],
  ['of the same moment', 0, true],
  ['a little late', -1, false],
  ['as late as late can be', -clockSetBackMs, false],
  ['of a clock that was set back', -clockSetBackMs - 1, true],
])('a record that is %s takes the place of the one that is kept: %i ms, %s', (_what, offset, expected) => {
  const record = buildDeviceRecord({ seenAtMs: someTimeMs + offset });
  expect(replacesRecord({ seenAtMs: someTimeMs }, record)).toBe(expected);
});

it('records of a device come to the newest, with what it does not tell from the one before and the first sight', () => {
  const first = buildDeviceRecord({ versionName: '1.0.0', customId: 'old' });
  const newest = buildDeviceRecord({ versionName: null, osVersion: '18.0', seenAtMs: someTimeMs + 2 });
  const late = buildDeviceRecord({ versionName: '0.9.0', seenAtMs: someTimeMs + 1 });
  expect(foldRecords([first, newest, late])).toStrictEqual([
    { record: { ...newest, versionName: '1.0.0' }, firstSeenAtMs: someTimeMs },
  ]);
});

it('devices are told apart by app and id', () => {
  const records = [
    buildDeviceRecord({ appId: 'com.example.a', deviceId: 'b' }),
    buildDeviceRecord({ appId: 'com.example.b', deviceId: 'b' }),
    buildDeviceRecord({ appId: 'com.example.a', deviceId: 'a' }),
  ];
  expect(foldRecords(records).map(({ record }) => record)).toStrictEqual(records);
});
