import { Card, Group, List, Select, SimpleGrid, Stack, Switch, Text, Title } from '@mantine/core';
import type { Channel, UpdatePolicy } from '../../api/channels.ts';
import { useCan } from '../../api/session.ts';
import { policyWords, rulesInWords } from './channel-words.ts';
import { useChannelChange } from './use-channel-change.ts';

const switches = [
  ...([
    ['public', 'Public', 'Devices that name no channel get it'],
    ['allow_device_self_set', 'Self-assign', 'Devices may choose it'],
  ] as const),
  ...([
    ['ios', 'iOS', ''],
    ['android', 'Android', ''],
    ['electron', 'Electron', ''],
  ] as const),
  ...([
    ['allow_prod', 'Release builds', ''],
    ['allow_dev', 'Debug builds', ''],
  ] as const),
  ...([
    ['allow_device', 'Real devices', ''],
    ['allow_emulator', 'Emulators', ''],
  ] as const),
  [
    'disableAutoUpdateUnderNative',
    'Not below the native version',
    'Never give a bundle older than the native app',
  ],
] as const;

const policies: Readonly<Record<UpdatePolicy, string>> = {
  major: 'Same major version',
  minor: 'Same minor version',
  patch: 'Same patch version',
  version_number: 'The bundle’s own minimum',
  none: 'Any version',
};

export function RulesCard({ channel }: { readonly channel: Channel }) {
  const can = useCan();
  const change = useChannelChange(channel);
  const mayChange = can('channels.change');
  return (
    <Card withBorder>
      <Stack>
        <Title order={2}>Who gets it</Title>
        <List size="sm" spacing={4} aria-label="Rules">
          {rulesInWords(channel).map((words) => (
            <List.Item key={words}>{words}</List.Item>
          ))}
        </List>
        {mayChange && (
          <>
            <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" verticalSpacing="xs">
              {switches.map(([name, label, description]) => (
                <Switch
                  key={name}
                  label={label}
                  description={description || undefined}
                  checked={channel[name]}
                  disabled={change.isPending}
                  onChange={(event) => change.mutate({ [name]: event.currentTarget.checked })}
                />
              ))}
            </SimpleGrid>
            <Select
              label="Distance from the native version"
              description={`${policyWords[channel.disableAutoUpdate]}.`}
              allowDeselect={false}
              value={channel.disableAutoUpdate}
              disabled={change.isPending}
              onChange={(value) => value && change.mutate({ disableAutoUpdate: value as UpdatePolicy })}
              data={Object.entries(policies).map(([value, label]) => ({ value, label }))}
            />
          </>
        )}
        {!mayChange && (
          <Group>
            <Text size="xs" c="dimmed">
              Your role may look at rules, but not change them.
            </Text>
          </Group>
        )}
      </Stack>
    </Card>
  );
}
