import { Anchor, Badge, Button, Card, Group, Modal, Progress, SimpleGrid, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBroadcast, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type Channel, channelsQuery } from '../../api/channels.ts';
import { useCan } from '../../api/session.ts';
import { percentOfBps } from '../../components/amounts.ts';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { rolloutState, rulesInWords } from './channel-words.ts';
import { CreateChannel } from './create-channel.tsx';

function ChannelCard({ channel }: { readonly channel: Channel }) {
  const state = rolloutState(channel);
  return (
    <Card withBorder>
      <Stack gap="xs">
        <Group justify="space-between" wrap="nowrap">
          <Anchor
            component={Link}
            to={`/apps/${channel.app_id}/channels/${encodeURIComponent(channel.name)}`}
            fw={650}
            truncate
          >
            {channel.name}
          </Anchor>
          <Group gap={4} wrap="nowrap">
            {channel.public && (
              <Badge variant="light" color="teal" tt="none">
                public
              </Badge>
            )}
            {channel.allow_device_self_set && (
              <Badge variant="light" color="blue" tt="none">
                self-assign
              </Badge>
            )}
          </Group>
        </Group>
        <Text size="sm">
          Serves <b>{channel.version?.name ?? 'the builtin bundle'}</b>
        </Text>
        {state !== 'none' && (
          <Stack gap={4}>
            <Group justify="space-between">
              <Text size="xs">
                Rollout of <b>{channel.rollout_version_info?.name}</b>
              </Text>
              <Text size="xs" fw={600}>
                {state === 'running' || state === 'everybody'
                  ? percentOfBps(channel.rolloutPercentageBps)
                  : state}
              </Text>
            </Group>
            <Progress
              value={channel.rolloutPercentageBps / 100}
              color={state === 'paused' ? 'yellow' : 'teal'}
              aria-label={`Rollout of ${channel.rollout_version_info?.name}`}
            />
          </Stack>
        )}
        <Text size="xs" c="dimmed">
          {rulesInWords(channel)[0]}
        </Text>
      </Stack>
    </Card>
  );
}

export function ChannelsPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/channels' });
  const channels = useQuery({ ...channelsQuery(appId), refetchInterval: 15_000 });
  const can = useCan();
  const [isCreating, creation] = useDisclosure(false);
  const create = can('channels.change') && (
    <Button leftSection={<IconPlus size={16} />} onClick={creation.open}>
      Create a channel
    </Button>
  );
  return (
    <Page
      title="Channels"
      description="Named lines of delivery: each serves one bundle to its devices, and may roll out the next one step by step."
      actions={create}
    >
      {channels.error ? (
        <Failure error={channels.error} onRetry={() => void channels.refetch()} />
      ) : !channels.data ? (
        <LoadingRows rows={3} />
      ) : channels.data.length === 0 ? (
        <Nothing icon={IconBroadcast} title="No channel yet" action={create}>
          Make one public, and every device that names no other channel is served by it.
        </Nothing>
      ) : (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
          {channels.data.map((channel) => (
            <ChannelCard key={channel.id} channel={channel} />
          ))}
        </SimpleGrid>
      )}
      <Modal opened={isCreating} onClose={creation.close} title="Create a channel">
        <CreateChannel appId={appId} onDone={creation.close} />
      </Modal>
    </Page>
  );
}
