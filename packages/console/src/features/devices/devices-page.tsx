import type { DeviceView } from '@capgo-server/protocol/management/devices';
import { Anchor, Badge, Button, Group, Paper, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconDeviceMobile, IconSearch } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { devicesQuery } from '../../api/devices.ts';
import { ButtonLink } from '../../components/links.tsx';
import { Page } from '../../components/page.tsx';
import { PlatformName, platformNames } from '../../components/platform.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';
import type { DeviceFilter } from './device-filter.ts';

function DeviceRow({ device }: { readonly device: DeviceView }) {
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor
          component={Link}
          to={`/apps/${device.app_id}/devices/${device.device_id}`}
          ff="monospace"
          size="sm"
        >
          {device.device_id}
        </Anchor>
        {device.custom_id && (
          <Text size="xs" c="dimmed">
            {device.custom_id}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <PlatformName platform={device.platform} />
      </Table.Td>
      <Table.Td>
        <Group gap={6} wrap="nowrap">
          <Text span size="sm" fw={600}>
            {device.version_name ?? '–'}
          </Text>
          {device.is_emulator && (
            <Badge size="xs" variant="light" color="gray" tt="none">
              emulator
            </Badge>
          )}
          {!device.is_prod && (
            <Badge size="xs" variant="light" color="orange" tt="none">
              dev build
            </Badge>
          )}
        </Group>
      </Table.Td>
      <Table.Td>
        {device.version_build ?? '–'}
        {device.version_code ? ` (${device.version_code})` : ''}
      </Table.Td>
      <Table.Td>{device.plugin_version ?? '–'}</Table.Td>
      <Table.Td>
        <When at={device.last_seen} isAgo />
      </Table.Td>
    </Table.Tr>
  );
}

export function DevicesPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/devices' });
  const filter: DeviceFilter = useSearch({ from: '/inside/apps/$appId/devices' });
  const navigate = useNavigate();
  const devices = useInfiniteQuery(devicesQuery(appId, filter));
  const [words, setWords] = useState(filter.search ?? '');
  const narrow = (change: Partial<Record<keyof DeviceFilter, string | undefined>>) => {
    const wanted = Object.entries({ ...filter, ...change }).filter(
      ([, value]) => value !== undefined && value !== '',
    );
    void navigate({
      to: '/apps/$appId/devices',
      params: { appId },
      search: Object.fromEntries(wanted),
      replace: true,
    });
  };
  const search = useDebouncedCallback((text: string) => narrow({ search: text.trim() }), 300);
  const isFiltered = Object.keys(filter).length > 0;
  const rows = devices.data?.pages.flatMap(({ data }) => data) ?? [];

  return (
    <Page
      title="Devices"
      description="Installations of the app, from what they told with their checks and events."
    >
      <Group gap="sm" align="flex-end">
        <TextInput
          leftSection={<IconSearch size={16} />}
          label="Device id or custom id"
          placeholder="The start is enough"
          value={words}
          onChange={(event) => {
            setWords(event.currentTarget.value);
            search(event.currentTarget.value);
          }}
          w={{ base: '100%', xs: 300 }}
        />
        <TextInput
          label="Runs bundle"
          placeholder="1.0.1"
          defaultValue={filter.version ?? ''}
          key={`v${filter.version}`}
          onBlur={(event) => narrow({ version: event.currentTarget.value.trim() })}
          onKeyDown={(event) =>
            event.key === 'Enter' && narrow({ version: event.currentTarget.value.trim() })
          }
          w={{ base: '47%', xs: 140 }}
        />
        <TextInput
          label="Channel"
          placeholder="production"
          defaultValue={filter.channel ?? ''}
          key={`c${filter.channel}`}
          onBlur={(event) => narrow({ channel: event.currentTarget.value.trim() })}
          onKeyDown={(event) =>
            event.key === 'Enter' && narrow({ channel: event.currentTarget.value.trim() })
          }
          w={{ base: '47%', xs: 160 }}
        />
        <Select
          label="Platform"
          clearable
          placeholder="All"
          value={filter.platform ?? null}
          onChange={(value) => narrow({ platform: value ?? undefined })}
          data={Object.entries(platformNames).map(([value, label]) => ({ value, label }))}
          w={{ base: '47%', xs: 140 }}
        />
        {isFiltered && (
          <Button
            variant="subtle"
            onClick={() => {
              setWords('');
              void navigate({ to: '/apps/$appId/devices', params: { appId }, search: {}, replace: true });
            }}
          >
            Show all
          </Button>
        )}
      </Group>
      {devices.error ? (
        <Failure error={devices.error} onRetry={() => void devices.refetch()} />
      ) : !devices.data ? (
        <LoadingRows />
      ) : rows.length === 0 && !isFiltered ? (
        <Nothing
          icon={IconDeviceMobile}
          title="No device has asked yet"
          action={
            <ButtonLink to="/start" search={{ app: appId }} variant="default">
              How to connect one
            </ButtonLink>
          }
        >
          Devices appear here with their first update check.
        </Nothing>
      ) : (
        <Stack>
          <Paper withBorder>
            <Table.ScrollContainer
              minWidth={900}
              scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'region', 'aria-label': 'Devices' } }}
            >
              <Table verticalSpacing="xs" highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Device</Table.Th>
                    <Table.Th>Platform</Table.Th>
                    <Table.Th>Runs</Table.Th>
                    <Table.Th>Native build</Table.Th>
                    <Table.Th>Plugin</Table.Th>
                    <Table.Th>Last seen</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((device) => (
                    <DeviceRow key={device.device_id} device={device} />
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            {rows.length === 0 && (
              <Text p="lg" ta="center" c="dimmed">
                No device matches.
              </Text>
            )}
          </Paper>
          {devices.hasNextPage && (
            <Button
              variant="default"
              loading={devices.isFetchingNextPage}
              onClick={() => void devices.fetchNextPage()}
            >
              Show more
            </Button>
          )}
        </Stack>
      )}
    </Page>
  );
}
