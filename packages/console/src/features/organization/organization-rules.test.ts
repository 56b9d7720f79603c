import { expect, it } from 'vitest';
import { isEncryptionKey, keyDaysOf } from './organization-rules.ts';

it('days are a whole number of a year at the most, and none at all are any', () => {
  expect([keyDaysOf(''), keyDaysOf(90), keyDaysOf('365')]).toEqual([null, 90, 365]);
  for (const wrong of [0, 366, 1.5, '-', 'x']) expect(keyDaysOf(wrong)).toBeUndefined();
});

it('an encryption key has the length that bundles are marked with', () => {
  for (const good of ['', 'MIIBCgKCAQEAwBf1Ya3T', 'MIIBCgKCAQEAwBf1Ya3Tx'])
    expect(isEncryptionKey(good)).toBe(true);
  for (const wrong of ['MIIB', 'MIIBCgKCAQEA Bf1Ya3T', 'x'.repeat(22)])
    expect(isEncryptionKey(wrong)).toBe(false);
});
