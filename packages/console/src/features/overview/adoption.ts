import type { OverviewView } from '@capgo-server/protocol/management/overview';

type Series = OverviewView['adoption']['bundles'];

/** Devices of a day by a series' key; every series is in every day. */
export type AdoptionDay = Readonly<Record<string, number | string>> & { readonly date: string };

export interface Adoption {
  readonly days: readonly AdoptionDay[];
  /** Each with the key it has in a day: chart libraries take the dots of a version for a path. */
  readonly shown: readonly { readonly name: string; readonly key: string }[];
}

/** What stands for everything beyond the named ones. */
export const otherName = 'other';

/**
 * What a stacked chart is drawn from: the names with the most devices by themselves, and all the rest as one.
 *
 * @param most names that are told apart
 */
export function adoptionOf(dates: readonly string[], series: Series, most: number): Adoption {
  const named = series.filter(({ name }) => name !== otherName);
  const apart = named.slice(0, most);
  const rest = [...named.slice(most), ...series.filter(({ name }) => name === otherName)];
  const groups = [
    ...apart.map((each) => ({ name: each.name, members: [each] })),
    ...(rest.length > 0 ? [{ name: otherName, members: rest }] : []),
  ];
  return {
    shown: groups.map(({ name }, index) => ({ name, key: `series${index}` })),
    days: dates.map((date, day) => ({
      ...Object.fromEntries(
        groups.map(({ members }, index) => [
          `series${index}`,
          members.reduce((sum, { devices }) => sum + (devices[day] ?? 0), 0),
        ]),
      ),
      date,
    })),
  };
}
