import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { Box, Button, Card, Group, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { count, share } from '../../components/amounts.ts';
import { TextLink } from '../../components/links.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { DevicesLink, EventsLink } from './counted-link.tsx';
import { failuresId } from './failures-card.tsx';
import { type FunnelStep, funnelSteps } from './funnel.ts';

const labels: Readonly<Record<FunnelStep['name'], string>> = {
  offered: 'Offered',
  downloaded: 'Downloaded',
  installed: 'Installed',
  failed: 'Failed',
};
const colors = { offered: 'indigo.5', downloaded: 'cyan.6', installed: 'teal.6', failed: 'red.6' } as const;
/** What devices report when it happens to them. */
const actions = { offered: 'get', downloaded: 'download_complete', installed: 'set' } as const;
const shownFirst = 8;

function Step({ step, overview }: { readonly step: FunnelStep; readonly overview: OverviewView }) {
  const { app_id: appId, from } = overview;
  return (
    <Stack gap={6}>
      <Group gap={6} justify="space-between" wrap="nowrap">
        <Text size="sm" c="dimmed">
          {labels[step.name]}
        </Text>
        <Text size="xs" c="dimmed">
          {step.name !== 'offered' && step.share}
        </Text>
      </Group>
      <Text fz={24} fw={700} lh={1} component="div" data-testid={`funnel-${step.name}`}>
        {step.name === 'failed' ? (
          <TextLink
            to="/apps/$appId"
            params={{ appId }}
            search={(search) => search}
            hash={failuresId}
            inherit
          >
            {count(step.value)}
          </TextLink>
        ) : (
          <EventsLink appId={appId} value={step.value} filter={{ action: actions[step.name], from }} />
        )}
      </Text>
      <Box h={8} bg="var(--mantine-color-default-border)" style={{ borderRadius: 4 }} aria-hidden>
        <Box h={8} w={`${step.width}%`} bg={colors[step.name]} style={{ borderRadius: 4 }} />
      </Box>
    </Stack>
  );
}

/** How far updates came with devices of real users, all together and bundle by bundle. */
export function FunnelCard({ overview }: { readonly overview: OverviewView }) {
  const [isWhole, setWhole] = useState(false);
  const { app_id: appId, funnel } = overview;
  const rows = isWhole ? funnel : funnel.slice(0, shownFirst);
  return (
    <Card withBorder component="section" aria-label="Update funnel">
      <Title order={2}>Update funnel</Title>
      <Text size="sm" c="dimmed" mb="md">
        Of devices of real users: emulators and debug builds are left out
      </Text>
      <SimpleGrid cols={{ base: 2, sm: 4 }} mb="md">
        {funnelSteps(overview.days).map((step) => (
          <Step key={step.name} step={step} overview={overview} />
        ))}
      </SimpleGrid>
      {rows.length > 0 && (
        <ScrollTable label="What became of bundles" minWidth={560}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Bundle</Table.Th>
              <Table.Th ta="right">Offered</Table.Th>
              <Table.Th ta="right">Downloaded</Table.Th>
              <Table.Th ta="right">Installed</Table.Th>
              <Table.Th ta="right">Failed</Table.Th>
              <Table.Th ta="right">Failure rate</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.bundle}>
                <Table.Td>
                  <TextLink
                    to="/apps/$appId/devices"
                    params={{ appId }}
                    search={row.running ?? {}}
                    fw={600}
                    title={`Devices that run ${row.bundle}`}
                  >
                    {row.bundle}
                  </TextLink>
                </Table.Td>
                <Table.Td ta="right">{count(row.offered)}</Table.Td>
                <Table.Td ta="right">{count(row.downloaded)}</Table.Td>
                <Table.Td ta="right">
                  <DevicesLink appId={appId} value={row.installed} filter={row.running} />
                </Table.Td>
                <Table.Td ta="right">
                  <DevicesLink appId={appId} value={row.failed} filter={row.failing} />
                </Table.Td>
                <Table.Td ta="right">{share(row.failed, row.installed + row.failed)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ScrollTable>
      )}
      {funnel.length > rows.length && (
        <Button variant="default" size="xs" mt="sm" onClick={() => setWhole(true)}>
          Show all {count(funnel.length)} bundles
        </Button>
      )}
    </Card>
  );
}
