import type { DeviceView } from '@capgo-server/protocol/management/devices';
import {
  Anchor,
  Badge,
  Button,
  Group,
  Paper,
  Pill,
  Select,
  Stack,
  Table,
  Text,
  TextInput,
} from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconDeviceMobile, IconSearch } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { devicesQuery } from '../../api/devices.ts';
import type { DeviceFilter } from '../../api/filters.ts';
import { ButtonLink } from '../../components/links.tsx';
import { Page } from '../../components/page.tsx';
import { PlatformName, platformNames } from '../../components/platform.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';
import { deviceFilterOf, filterInWords } from './device-filter.ts';

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

/** What the fields above the list show; every other filter is told beside it. */
const inFields = ['q', 'bundle', 'channel', 'platform'] as const;

/** A field that narrows the list when it is left, or with Enter. */
function FilterField({
  label,
  placeholder,
  value,
  onNarrow,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string | undefined;
  readonly onNarrow: (text: string) => void;
}) {
  return (
    <TextInput
      // Another value from outside is another field.
      key={value}
      label={label}
      placeholder={placeholder}
      defaultValue={value ?? ''}
      onBlur={(event) => onNarrow(event.currentTarget.value.trim())}
      onKeyDown={(event) => event.key === 'Enter' && onNarrow(event.currentTarget.value.trim())}
      w={{ base: '47%', xs: 150 }}
    />
  );
}

export function DevicesPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/devices' });
  const filter = useSearch({ from: '/inside/apps/$appId/devices' });
  const navigate = useNavigate();
  const devices = useInfiniteQuery(devicesQuery(appId, filter));
  const [words, setWords] = useState(filter.q ?? '');
  const narrow = (change: Partial<Record<keyof DeviceFilter, string | undefined>>) => {
    const search = deviceFilterOf({ ...filter, ...change });
    if (JSON.stringify(search) !== JSON.stringify(filter))
      void navigate({ to: '/apps/$appId/devices', params: { appId }, search, replace: true });
  };
  const search = useDebouncedCallback((text: string) => narrow({ q: text.trim() }), 300);
  const isFiltered = Object.keys(filter).length > 0;
  const rows = devices.data?.pages.flatMap(({ data }) => data) ?? [];
  const further = filterInWords(filter, inFields);

  return (
    <Page
      title="Devices"
      description="Installations of the app, from what they told with their checks and events."
    >
      <Stack gap="xs">
        <Group gap="sm" align="flex-end">
          <TextInput
            leftSection={<IconSearch size={16} />}
            label="Device id or custom id"
            placeholder="A part is enough"
            value={words}
            onChange={(event) => {
              setWords(event.currentTarget.value);
              search(event.currentTarget.value);
            }}
            w={{ base: '100%', xs: 280 }}
          />
          <FilterField
            label="Runs bundle"
            placeholder="1.0.1"
            value={filter.bundle}
            onNarrow={(bundle) => narrow({ bundle })}
          />
          <FilterField
            label="Channel"
            placeholder="production"
            value={filter.channel}
            onNarrow={(channel) => narrow({ channel, ...(channel === '' ? {} : { has_channel: '' }) })}
          />
          <Select
            label="Platform"
            clearable
            placeholder="All"
            value={filter.platform ?? null}
            onChange={(value) => narrow({ platform: value ?? undefined })}
            data={Object.entries(platformNames).map(([value, label]) => ({ value, label }))}
            w={{ base: '47%', xs: 130 }}
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
        {further.length > 0 && (
          <Pill.Group aria-label="Further filters">
            {further.map(({ name, text }) => (
              <Pill
                key={name}
                size="md"
                withRemoveButton
                onRemove={() => narrow({ [name]: '' })}
                removeButtonProps={{ 'aria-label': `Not only ${text}`, 'aria-hidden': false, tabIndex: 0 }}
              >
                {text}
              </Pill>
            ))}
          </Pill.Group>
        )}
      </Stack>
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
            <ScrollTable label="Devices" minWidth={900}>
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
            </ScrollTable>
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
