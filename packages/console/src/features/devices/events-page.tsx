import type { DeviceEventView } from '@capgo-server/protocol/management/events';
import { Anchor, Badge, Button, Group, Paper, Stack, Table, Text, TextInput } from '@mantine/core';
import { IconListDetails } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { eventsQuery } from '../../api/devices.ts';
import type { EventFilter } from '../../api/filters.ts';
import { dayText } from '../../components/moment.ts';
import { Page } from '../../components/page.tsx';
import { PlatformName } from '../../components/platform.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';
import { eventFilterOf } from './event-filter.ts';
import { wordsOf } from './event-words.ts';

const isoDay = /^\d{4}-\d{2}-\d{2}$/;
const shownTime = (text: string) => (isoDay.test(text) ? dayText(text) : text);

function EventRow({ event }: { readonly event: DeviceEventView }) {
  const { text, color } = wordsOf(event.action);
  return (
    <Table.Tr>
      <Table.Td>
        <When at={event.received_at} />
      </Table.Td>
      <Table.Td>
        <Group gap={6} wrap="nowrap">
          <Text size="sm">{text}</Text>
          <Badge size="sm" variant="light" color={color} tt="none" style={{ flex: 'none' }}>
            {event.action}
          </Badge>
        </Group>
      </Table.Td>
      <Table.Td>{event.version_name || '–'}</Table.Td>
      <Table.Td>
        <Anchor
          component={Link}
          to={`/apps/${event.app_id}/devices/${event.device_id}`}
          ff="monospace"
          size="sm"
        >
          {event.device_id}
        </Anchor>
        {event.custom_id && (
          <Text size="xs" c="dimmed">
            {event.custom_id}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <PlatformName platform={event.platform} />
      </Table.Td>
      <Table.Td>{event.channel ?? '–'}</Table.Td>
    </Table.Tr>
  );
}

/** What the devices of an app reported, newest first. */
export function EventsPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/events' });
  const filter = useSearch({ from: '/inside/apps/$appId/events' });
  const navigate = useNavigate();
  const events = useInfiniteQuery(eventsQuery(appId, filter));
  const rows = events.data?.pages.flatMap(({ data }) => data) ?? [];
  const isFiltered = Object.keys(filter).length > 0;
  const narrow = (change: EventFilter) => {
    const search = eventFilterOf({ ...filter, ...change });
    if (JSON.stringify(search) !== JSON.stringify(filter))
      void navigate({ to: '/apps/$appId/events', params: { appId }, search, replace: true });
  };
  const range = [
    ...(filter.from === undefined ? [] : [`from ${shownTime(filter.from)}`]),
    ...(filter.to === undefined ? [] : [`until before ${shownTime(filter.to)}`]),
  ].join(' ');
  return (
    <Page
      title="Events"
      description={`What devices reported${range === '' ? '' : `, ${range}`}; the newest first.`}
    >
      <Group gap="sm" align="flex-start">
        <TextInput
          key={filter.action}
          label="Action"
          description={filter.action === undefined ? undefined : wordsOf(filter.action).text}
          inputWrapperOrder={['label', 'input', 'description']}
          placeholder="set_fail"
          defaultValue={filter.action ?? ''}
          onBlur={(event) => narrow({ action: event.currentTarget.value.trim() })}
          onKeyDown={(event) => event.key === 'Enter' && narrow({ action: event.currentTarget.value.trim() })}
          w={{ base: '100%', xs: 260 }}
        />
        {isFiltered && (
          <Button
            variant="subtle"
            mt={{ base: 0, xs: 25 }}
            onClick={() =>
              void navigate({ to: '/apps/$appId/events', params: { appId }, search: {}, replace: true })
            }
          >
            Show all
          </Button>
        )}
      </Group>
      {events.error ? (
        <Failure error={events.error} onRetry={() => void events.refetch()} />
      ) : !events.data ? (
        <LoadingRows />
      ) : rows.length === 0 ? (
        <Nothing icon={IconListDetails} title="No such event">
          {isFiltered
            ? 'None that is still kept matches.'
            : 'Events appear here as soon as devices report something.'}
        </Nothing>
      ) : (
        <Stack>
          <Paper withBorder>
            <ScrollTable label="Events" minWidth={980}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Received</Table.Th>
                  <Table.Th>What</Table.Th>
                  <Table.Th>Bundle</Table.Th>
                  <Table.Th>Device</Table.Th>
                  <Table.Th>Platform</Table.Th>
                  <Table.Th>Channel</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((event) => (
                  <EventRow key={event.id} event={event} />
                ))}
              </Table.Tbody>
            </ScrollTable>
          </Paper>
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
    </Page>
  );
}
