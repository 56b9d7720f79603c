/** The named texts of an address that say something. */
export function picked<Name extends string>(
  names: readonly Name[],
  search: Readonly<Record<string, unknown>>,
): Readonly<Partial<Record<Name, string>>> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = search[name];
      return value === undefined || value === '' ? [] : [[name, String(value)]];
    }),
  ) as Partial<Record<Name, string>>;
}
