import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { Card, SimpleGrid, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { bytes, count, share } from '../../components/amounts.ts';
import { dayText } from '../../components/moment.ts';
import { DevicesLink } from './counted-link.tsx';

function Figure({
  label,
  value,
  note,
}: {
  readonly label: string;
  readonly value: ReactNode;
  readonly note: ReactNode;
}) {
  return (
    <Card withBorder padding="md" component="section" aria-label={label}>
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text fz={28} fw={700} lh={1.2} component="div">
        {value}
      </Text>
      <Text size="xs" c="dimmed" component="div">
        {note}
      </Text>
    </Card>
  );
}

function sumOf(
  overview: OverviewView,
  name: 'installed' | 'failed' | 'new_devices' | 'bytes_served',
): number {
  return overview.days.reduce((sum, day) => sum + day[name], 0);
}

export function Figures({ overview }: { readonly overview: OverviewView }) {
  const { now, checks, days, app_id: appId } = overview;
  const lastMinute = checks.per_minute.at(-1)?.checks ?? 0;
  const hour = checks.per_minute.reduce((sum, minute) => sum + minute.checks, 0);
  const [installed, failed] = [sumOf(overview, 'installed'), sumOf(overview, 'failed')];
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
      <Figure
        label="Active devices"
        value={<DevicesLink appId={appId} value={now.devices} filter={now.filter} />}
        note={`since ${dayText(now.since)} (UTC); ${count(sumOf(overview, 'new_devices'))} new in the range`}
      />
      <Figure
        label="Failure rate"
        value={share(failed, installed + failed)}
        note={`${count(failed)} of ${count(installed + failed)} attempts to install`}
      />
      <Figure
        label="Update checks"
        value={
          <>
            {count(lastMinute)}{' '}
            <Text span size="sm" c="dimmed" fw={400}>
              in the last minute
            </Text>
          </>
        }
        note={`${count(hour)} in the last hour`}
      />
      <Figure
        label="Sent to devices"
        value={bytes(sumOf(overview, 'bytes_served'))}
        note={`in the range; bundles take ${bytes(days.at(-1)?.storage ?? 0)} of storage`}
      />
    </SimpleGrid>
  );
}
