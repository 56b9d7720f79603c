import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { formatCrc32 } from './checksum.ts';

describe('a CRC-32', () => {
  it.each([
    [0, '00000000'],
    [1, '00000001'],
    [0xab_cd, '0000abcd'],
    [0x0a_1b_2c_3d, '0a1b2c3d'],
    [0xff_ff_ff_ff, 'ffffffff'],
    [-1, 'ffffffff'],
    [-0x80_00_00_00, '80000000'],
  ])('of the number %i is written %s, padded and in lower case', (number, text) => {
    expect(formatCrc32(number)).toBe(text);
  });

  // The check value of CRC-32 as zip and the plugins compute it.
  it.each([
    ['123456789', 'cbf43926'],
    ['', '00000000'],
    ['a', 'e8b7be43'],
  ])('of the bytes "%s" is %s', (bytes, text) => {
    expect(formatCrc32(crc32(bytes))).toBe(text);
  });
});
