/** A CRC-32 as the plugins write it: 8 lower-case hex characters, zero-padded (protocol §8.1). */
export function formatCrc32(crc32: number): string {
  return (crc32 >>> 0).toString(16).padStart(8, '0');
}
