import {
  Card,
  Group,
  Paper,
  SegmentedControl,
  SimpleGrid,
  Skeleton,
  Stack,
  Table,
  Text,
  Title,
} from '@mantine/core';
import { IconChartAreaLine } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { appQuery } from '../../api/apps.ts';
import { countersQuery } from '../../api/counters.ts';
import { count, share, shortCount } from '../../components/amounts.ts';
import { ButtonLink, TextLink } from '../../components/links.tsx';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { byBundle, installSeries, lastDays, totalsOf } from './counted.ts';

const InstallsChart = lazy(async () => ({ default: (await import('./installs-chart.tsx')).InstallsChart }));
const ranges = [
  ['7', '7 days'],
  ['30', '30 days'],
  ['90', '90 days'],
] as const;
const namedBundles = 6;

function Figure({
  label,
  value,
  note,
}: {
  readonly label: string;
  readonly value: string;
  readonly note?: ReactNode;
}) {
  return (
    <Card withBorder padding="md">
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text fz={28} fw={700} lh={1.2}>
        {value}
      </Text>
      {note && (
        <Text size="xs" c="dimmed" component="div">
          {note}
        </Text>
      )}
    </Card>
  );
}

export function OverviewPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/' });
  const [range, setRange] = useState('30');
  const dates = useMemo(() => lastDays(Number(range), Date.now()), [range]);
  const app = useQuery(appQuery(appId));
  const counters = useQuery({
    ...countersQuery(appId, dates[0] ?? '', dates.at(-1) ?? ''),
    refetchInterval: 30_000,
  });
  const rows = counters.data;
  const totals = useMemo(() => totalsOf(rows ?? []), [rows]);
  const series = useMemo(() => installSeries(rows ?? [], dates, namedBundles), [rows, dates]);
  const bundles = useMemo(() => byBundle(rows ?? []), [rows]);
  const devices = (
    <TextLink to="/apps/$appId/devices" params={{ appId }} size="xs">
      See the devices
    </TextLink>
  );

  return (
    <Page
      title={app.data?.name || appId}
      description={app.data?.name && app.data.name !== appId ? appId : undefined}
      actions={
        <SegmentedControl
          aria-label="Range"
          value={range}
          onChange={setRange}
          data={ranges.map(([value, label]) => ({ value, label }))}
        />
      }
    >
      {counters.error ? (
        <Failure error={counters.error} onRetry={() => void counters.refetch()} />
      ) : !rows ? (
        <LoadingRows />
      ) : bundles.length === 0 ? (
        <Nothing
          icon={IconChartAreaLine}
          title="Nothing happened in this time"
          action={
            <ButtonLink to="/start" search={{ app: appId }} variant="default">
              Connect a device
            </ButtonLink>
          }
        >
          Numbers appear here as soon as devices check for updates.
        </Nothing>
      ) : (
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
            <Figure
              label="Updates offered"
              value={shortCount(totals.offered)}
              note="devices that were given an update"
            />
            <Figure label="Installed" value={shortCount(totals.installed)} note={devices} />
            <Figure label="Failed" value={shortCount(totals.failed)} note={devices} />
            <Figure
              label="Failure rate"
              value={share(totals.failed, totals.installed + totals.failed)}
              note="of all attempts to install"
            />
          </SimpleGrid>
          <Card withBorder>
            <Title order={2} mb="md">
              Installs by bundle
            </Title>
            <Suspense fallback={<Skeleton height={280} aria-busy />}>
              <InstallsChart series={series} />
            </Suspense>
          </Card>
          <Paper withBorder>
            <Group p="md" pb={0}>
              <Title order={2}>Bundles</Title>
            </Group>
            <Table.ScrollContainer
              minWidth={520}
              scrollAreaProps={{
                viewportProps: { tabIndex: 0, role: 'region', 'aria-label': 'What became of bundles' },
              }}
            >
              <Table verticalSpacing="xs" highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Bundle</Table.Th>
                    <Table.Th ta="right">Offered</Table.Th>
                    <Table.Th ta="right">Installed</Table.Th>
                    <Table.Th ta="right">Failed</Table.Th>
                    <Table.Th ta="right">Failure rate</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {bundles.slice(0, 20).map((row) => (
                    <Table.Tr key={row.bundle}>
                      <Table.Td>
                        <TextLink
                          to="/apps/$appId/devices"
                          params={{ appId }}
                          search={{ version: row.bundle }}
                          fw={600}
                        >
                          {row.bundle}
                        </TextLink>
                      </Table.Td>
                      <Table.Td ta="right">{count(row.offered)}</Table.Td>
                      <Table.Td ta="right">{count(row.installed)}</Table.Td>
                      <Table.Td ta="right">{count(row.failed)}</Table.Td>
                      <Table.Td ta="right">{share(row.failed, row.installed + row.failed)}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          </Paper>
        </Stack>
      )}
    </Page>
  );
}
