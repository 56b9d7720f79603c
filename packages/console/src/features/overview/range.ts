/** Days of history that an overview can show. */
export const ranges = [7, 30, 90] as const;
const usual = 30;

/** The range that an address names; the usual one for any other text. */
export function daysOf(text: string | undefined): (typeof ranges)[number] {
  return ranges.find((range) => String(range) === text) ?? usual;
}
