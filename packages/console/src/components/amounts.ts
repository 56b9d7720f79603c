const whole = new Intl.NumberFormat();
const byteUnits = ['bytes', 'kB', 'MB', 'GB', 'TB'];

export function count(value: number): string {
  return whole.format(value);
}

/** `1 device`, `2 devices`. */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${whole.format(value)} ${value === 1 ? noun : plural}`;
}

/** In units of a thousand: `1.4 MB`. */
export function bytes(size: number): string {
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${unit === 0 && size === 1 ? 'byte' : byteUnits[unit]}`;
}

/** Basis points as percent: `12.5 %`. */
export function percentOfBps(bps: number): string {
  return `${Number((bps / 100).toFixed(2))} %`;
}

/** `part` of `whole` as percent; a dash of nothing. */
export function share(part: number, of: number): string {
  return of === 0 ? '–' : `${Number(((part / of) * 100).toFixed(1))} %`;
}
