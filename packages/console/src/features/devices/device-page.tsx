import type { DeviceView } from '@capgo-server/protocol/management/devices';
import { Badge, Button, Card, Group, SimpleGrid, Stack, Text, Timeline, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { deviceQuery, eventsQuery } from '../../api/devices.ts';
import { Copyable } from '../../components/copy.tsx';
import { Facts } from '../../components/facts.tsx';
import { Page } from '../../components/page.tsx';
import { PlatformName } from '../../components/platform.tsx';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';
import { wordsOf } from './event-words.ts';
import { OverrideCard } from './override-card.tsx';
import { WhyThisAnswer } from './why-this-answer.tsx';

function Events({ device }: { readonly device: DeviceView }) {
  const events = useInfiniteQuery(eventsQuery(device.app_id, { device_id: device.device_id }));
  const rows = events.data?.pages.flatMap(({ data }) => data) ?? [];
  return (
    <Card withBorder>
      <Title order={2} mb="md">
        Events
      </Title>
      {events.error ? (
        <Failure error={events.error} onRetry={() => void events.refetch()} />
      ) : !events.data ? (
        <LoadingRows />
      ) : rows.length === 0 ? (
        <Text size="sm" c="dimmed">
          It has reported nothing yet, or so long ago that its events are not kept any more.
        </Text>
      ) : (
        <Stack>
          <Timeline bulletSize={14} lineWidth={2} active={rows.length}>
            {rows.map((event) => {
              const { text, color } = wordsOf(event.action);
              return (
                <Timeline.Item
                  key={event.id}
                  color={color}
                  title={
                    <Text size="sm" fw={600} component="span">
                      {text}
                    </Text>
                  }
                >
                  <Group gap={6}>
                    <Badge size="sm" variant="light" color={color} tt="none">
                      {event.action}
                    </Badge>
                    {event.version_name && <Text size="sm">{event.version_name}</Text>}
                    {event.old_version_name && (
                      <Text size="sm" c="dimmed">
                        before: {event.old_version_name}
                      </Text>
                    )}
                    {event.channel && (
                      <Text size="sm" c="dimmed">
                        channel {event.channel}
                      </Text>
                    )}
                  </Group>
                  {event.metadata && (
                    <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
                      {Object.entries(event.metadata)
                        .map(([name, value]) => `${name}: ${value}`)
                        .join(' · ')}
                    </Text>
                  )}
                  <Text size="xs" c="dimmed" mt={2}>
                    <When at={event.received_at} />
                  </Text>
                </Timeline.Item>
              );
            })}
          </Timeline>
          {events.hasNextPage && (
            <Button
              variant="default"
              loading={events.isFetchingNextPage}
              onClick={() => void events.fetchNextPage()}
            >
              Show older
            </Button>
          )}
        </Stack>
      )}
    </Card>
  );
}

export function DevicePage() {
  const { appId, deviceId } = useParams({ from: '/inside/apps/$appId/devices/$deviceId' });
  const query = useQuery({ ...deviceQuery(appId, deviceId), refetchInterval: 10_000 });
  const crumbs = [{ label: 'Devices', to: `/apps/${appId}/devices` }];
  const device = query.data;
  if (query.error)
    return (
      <Page title="Device" crumbs={crumbs}>
        <Failure error={query.error} onRetry={() => void query.refetch()} />
      </Page>
    );
  if (!device)
    return (
      <Page title="Device" crumbs={crumbs}>
        <LoadingRows />
      </Page>
    );
  return (
    <Page
      title={device.custom_id ?? `Device ${device.device_id.slice(0, 8)}`}
      crumbs={crumbs}
      badges={
        <>
          {device.is_emulator && (
            <Badge variant="light" color="gray" tt="none">
              emulator
            </Badge>
          )}
          {!device.is_prod && (
            <Badge variant="light" color="orange" tt="none">
              dev build
            </Badge>
          )}
        </>
      }
    >
      <SimpleGrid cols={{ base: 1, lg: 2 }} style={{ alignItems: 'start' }}>
        <Stack>
          <Card withBorder>
            <Title order={2} mb="sm">
              Device
            </Title>
            <Facts
              facts={[
                ['Id', <Copyable key="id" value={device.device_id} />],
                ['Custom id', device.custom_id ?? '–'],
                ['Platform', <PlatformName key="p" platform={device.platform} />],
                ['System', device.version_os ?? '–'],
                ['Runs bundle', device.version_name ?? '–'],
                [
                  'Native build',
                  `${device.version_build ?? '–'}${device.version_code ? ` (${device.version_code})` : ''}`,
                ],
                ['Plugin', device.plugin_version ?? '–'],
                ['Channel of its configuration', device.default_channel ?? '–'],
                ['Installed from', device.install_source ?? '–'],
                ['First seen', <When key="f" at={device.first_seen} />],
                ['Last seen', <When key="l" at={device.last_seen} />],
              ]}
            />
          </Card>
          <OverrideCard device={device} />
          <WhyThisAnswer device={device} />
        </Stack>
        <Events device={device} />
      </SimpleGrid>
    </Page>
  );
}
