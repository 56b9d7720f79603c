import { SegmentedControl, SimpleGrid, Stack } from '@mantine/core';
import { IconChartAreaLine } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { appQuery } from '../../api/apps.ts';
import { overviewQuery } from '../../api/overview.ts';
import { ButtonLink } from '../../components/links.tsx';
import { Page } from '../../components/page.tsx';
import { platformName } from '../../components/platform.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { AdoptionCard } from './adoption-card.tsx';
import { ChecksCard } from './checks-card.tsx';
import { FailuresCard } from './failures-card.tsx';
import { Figures } from './figures.tsx';
import { FunnelCard } from './funnel-card.tsx';
import { GroupsCard } from './groups-card.tsx';
import { daysOf, ranges } from './range.ts';

export function OverviewPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/' });
  const { days: chosen } = useSearch({ from: '/inside/apps/$appId/' });
  const days = daysOf(chosen);
  const navigate = useNavigate();
  const app = useQuery(appQuery(appId));
  const overview = useQuery({ ...overviewQuery(appId, days), refetchInterval: 60_000 });
  const data = overview.data;
  const isQuiet =
    data !== undefined &&
    data.now.devices === 0 &&
    data.funnel.length === 0 &&
    data.days.every(({ active_devices }) => active_devices === 0);

  return (
    <Page
      title={app.data?.name || appId}
      description={app.data?.name && app.data.name !== appId ? appId : undefined}
      actions={
        <SegmentedControl
          aria-label="Range"
          value={String(days)}
          onChange={(value) =>
            void navigate({ to: '/apps/$appId', params: { appId }, search: { days: value }, replace: true })
          }
          data={ranges.map((range) => ({ value: String(range), label: `${range} days` }))}
        />
      }
    >
      {overview.error ? (
        <Failure error={overview.error} onRetry={() => void overview.refetch()} />
      ) : !data ? (
        <LoadingRows />
      ) : isQuiet ? (
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
        <Stack aria-busy={overview.isPlaceholderData}>
          <Figures overview={data} />
          <AdoptionCard overview={data} />
          <FunnelCard overview={data} />
          <SimpleGrid cols={{ base: 1, lg: 2 }} style={{ alignItems: 'start' }}>
            <FailuresCard overview={data} />
            <ChecksCard overview={data} />
          </SimpleGrid>
          <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} style={{ alignItems: 'start' }}>
            <GroupsCard title="Bundles now" groups={data.now.bundles} overview={data} />
            <GroupsCard title="Native versions" groups={data.now.native_versions} overview={data} />
            <GroupsCard title="Plugin versions" groups={data.now.plugin_versions} overview={data} />
            <GroupsCard title="Platforms" groups={data.now.platforms} overview={data} nameOf={platformName} />
            <GroupsCard
              title="Channels"
              groups={data.now.channels}
              overview={data}
              nameOf={(name) => (name === '' ? 'no channel' : name)}
            />
          </SimpleGrid>
        </Stack>
      )}
    </Page>
  );
}
