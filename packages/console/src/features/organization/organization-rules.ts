/** The days that a field for a number of them holds; undefined for what is none. */
export function keyDaysOf(text: string | number): number | null | undefined {
  if (text === '') return null;
  const days = Number(text);
  return Number.isInteger(days) && days >= 1 && days <= 365 ? days : undefined;
}

/** So much of a public key marks bundles that are encrypted with it; empty for any. */
export function isEncryptionKey(text: string): boolean {
  return text === '' || /^\S{20,21}$/.test(text);
}
