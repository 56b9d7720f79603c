/**
 * Throws when one of the values is no text. A collection takes anything, so nothing else would notice; and what is in a
 * commit has to be applicable.
 */
export function requireTexts(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'string') throw new TypeError(`${name} must be a text`);
  }
}
