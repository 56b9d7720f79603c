import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { share } from '../../components/amounts.ts';

const names = ['offered', 'downloaded', 'installed', 'failed'] as const;

export interface FunnelStep {
  readonly name: (typeof names)[number];
  readonly value: number;
  /** Of what was offered; of the attempts to install for what failed. */
  readonly share: string;
  /** Percent of the widest step. */
  readonly width: number;
}

/** The steps of all bundles together. */
export function funnelSteps(
  days: readonly Pick<OverviewView['days'][number], FunnelStep['name']>[],
): readonly FunnelStep[] {
  const sums = { offered: 0, downloaded: 0, installed: 0, failed: 0 };
  for (const day of days) for (const name of names) sums[name] += day[name];
  const widest = Math.max(...Object.values(sums), 1);
  return names.map((name) => ({
    name,
    value: sums[name],
    share:
      name === 'failed' ? share(sums.failed, sums.installed + sums.failed) : share(sums[name], sums.offered),
    width: (sums[name] / widest) * 100,
  }));
}
