import type { ReleaseView } from '@capgo-server/protocol/management/releases';
import { ActionIcon, Badge, Button, Group, Menu, Table, Text } from '@mantine/core';
import { IconArrowBackUp, IconCalendar, IconDots, IconTrash } from '@tabler/icons-react';
import { useCan } from '../../api/session.ts';
import { dayText } from '../../components/moment.ts';
import { PlatformName } from '../../components/platform.tsx';
import { When } from '../../components/when.tsx';

/** What can be done to a release in a window of its own. */
export type ReleaseDeed = 'active' | 'date' | 'delete';

export function ReleaseRow({
  release,
  name,
  onDo,
  onBackToBuiltin,
}: {
  readonly release: ReleaseView;
  /** The version of a bundle, by its id. */
  readonly name: (id: string | null) => string | undefined;
  readonly onDo: (what: ReleaseDeed) => void;
  readonly onBackToBuiltin: () => void;
}) {
  const can = useCan();
  return (
    <Table.Tr>
      <Table.Td>
        <PlatformName platform={release.platform} />
      </Table.Td>
      <Table.Td>
        <b>{release.version_name}</b>{' '}
        <Text span c="dimmed" size="sm">
          ({release.version_code})
        </Text>
      </Table.Td>
      <Table.Td>
        {release.active_bundle_id === null ? (
          <Badge variant="light" color="gray" tt="none">
            builtin
          </Badge>
        ) : (
          <Badge variant="light" color="blue" tt="none">
            {name(release.active_bundle_id)}
          </Badge>
        )}
      </Table.Td>
      <Table.Td>{name(release.builtin_bundle_id)}</Table.Td>
      <Table.Td>
        {release.release_date === null ? (
          <Text span c="dimmed">
            –
          </Text>
        ) : (
          dayText(release.release_date.slice(0, 10))
        )}
      </Table.Td>
      <Table.Td>
        <When at={release.updated_at} isAgo />
      </Table.Td>
      <Table.Td>
        {can('releases.change') && (
          <Group gap={4} wrap="nowrap" justify="flex-end">
            <Button size="compact-sm" variant="default" onClick={() => onDo('active')}>
              Set bundle
            </Button>
            <Menu position="bottom-end">
              <Menu.Target>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={`More for ${release.platform} ${release.version_name}`}
                >
                  <IconDots size={16} />
                </ActionIcon>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item
                  leftSection={<IconArrowBackUp size={16} />}
                  disabled={release.active_bundle_id === null}
                  onClick={() => onBackToBuiltin()}
                >
                  Back to builtin
                </Menu.Item>
                <Menu.Item leftSection={<IconCalendar size={16} />} onClick={() => onDo('date')}>
                  Release date
                </Menu.Item>
                <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => onDo('delete')}>
                  Delete
                </Menu.Item>
              </Menu.Dropdown>
            </Menu>
          </Group>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
