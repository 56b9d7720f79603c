import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { Card, Group, SegmentedControl, Skeleton, Text, Title } from '@mantine/core';
import { lazy, Suspense, useMemo, useState } from 'react';
import { adoptionOf } from './adoption.ts';

const AdoptionChart = lazy(async () => ({ default: (await import('./charts.tsx')).AdoptionChart }));
const told = 8;
const kinds = [
  { value: 'bundles', label: 'Bundles' },
  { value: 'native_versions', label: 'Native versions' },
  { value: 'plugin_versions', label: 'Plugin versions' },
] as const;

/** What the devices of each day ran. */
export function AdoptionCard({ overview }: { readonly overview: OverviewView }) {
  const [kind, setKind] = useState<(typeof kinds)[number]['value']>('bundles');
  const { adoption } = overview;
  const shown = useMemo(() => adoptionOf(adoption.dates, adoption[kind], told), [adoption, kind]);
  return (
    <Card withBorder component="section" aria-label="Adoption">
      <Group justify="space-between" mb="md">
        <div>
          <Title order={2}>Adoption</Title>
          <Text size="sm" c="dimmed">
            Devices of each day, by what they ran last that day
          </Text>
        </div>
        <SegmentedControl
          size="xs"
          aria-label="Adoption of"
          value={kind}
          onChange={(value) => setKind(value as typeof kind)}
          data={[...kinds]}
        />
      </Group>
      {shown.shown.length === 0 ? (
        <Text size="sm" c="dimmed">
          No device was there in this time.
        </Text>
      ) : (
        <Suspense fallback={<Skeleton height={300} aria-busy />}>
          <AdoptionChart adoption={shown} />
        </Suspense>
      )}
    </Card>
  );
}
