import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { Card, Skeleton, Text, Title } from '@mantine/core';
import { lazy, Suspense } from 'react';

const ChecksChart = lazy(async () => ({ default: (await import('./charts.tsx')).ChecksChart }));

export function ChecksCard({ overview }: { readonly overview: OverviewView }) {
  return (
    <Card withBorder component="section" aria-label="Update checks per minute">
      <Title order={2}>Update checks per minute</Title>
      <Text size="sm" c="dimmed" mb="sm">
        Of the last hour
      </Text>
      <Suspense fallback={<Skeleton height={140} aria-busy />}>
        <ChecksChart minutes={overview.checks.per_minute} />
      </Suspense>
    </Card>
  );
}
