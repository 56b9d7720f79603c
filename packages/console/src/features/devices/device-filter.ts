/** What the list of devices is narrowed to. */
export interface DeviceFilter {
  readonly search?: string;
  readonly version?: string;
  readonly channel?: string;
  readonly platform?: string;
}

/** The filter in an address; what is not of it is dropped. */
export function deviceFilterOf(search: Readonly<Record<string, unknown>>): DeviceFilter {
  const names = ['search', 'version', 'channel', 'platform'] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = search[name];
      return value === undefined || value === '' ? [] : [[name, String(value)]];
    }),
  );
}
