import { Badge, Button, SimpleGrid, Stack } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBroadcastOff, IconTrash } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { channelsQuery, deleteChannel } from '../../api/channels.ts';
import { useCan } from '../../api/session.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { AutoPauseCard } from './auto-pause-card.tsx';
import { HistoryCard } from './history-card.tsx';
import { RolloutCard } from './rollout-card.tsx';
import { RulesCard } from './rules-card.tsx';
import { ServingCard } from './serving-card.tsx';
import { useChannelDevices } from './use-channel-devices.ts';

export function ChannelPage() {
  const { appId, channel: name } = useParams({ from: '/inside/apps/$appId/channels/$channel' });
  const channels = useQuery({ ...channelsQuery(appId), refetchInterval: 10_000 });
  const can = useCan();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [isDeleting, deletion] = useDisclosure(false);
  const crumbs = [{ label: 'Channels', to: `/apps/${appId}/channels` }];
  const channel = channels.data?.find((each) => each.name === name);
  const devices = useChannelDevices(appId, name);
  if (channels.error)
    return (
      <Page title={name} crumbs={crumbs}>
        <Failure error={channels.error} onRetry={() => void channels.refetch()} />
      </Page>
    );
  if (!channels.data)
    return (
      <Page title={name} crumbs={crumbs}>
        <LoadingRows />
      </Page>
    );
  if (!channel)
    return (
      <Page title={name} crumbs={crumbs}>
        <Nothing icon={IconBroadcastOff} title="There is no such channel">
          It may have been deleted.
        </Nothing>
      </Page>
    );
  return (
    <Page
      title={channel.name}
      crumbs={crumbs}
      badges={
        <>
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
        </>
      }
      actions={
        can('channels.delete') && (
          <Button color="red" variant="light" leftSection={<IconTrash size={16} />} onClick={deletion.open}>
            Delete
          </Button>
        )
      }
    >
      <SimpleGrid cols={{ base: 1, lg: 2 }} style={{ alignItems: 'start' }}>
        <Stack>
          <ServingCard channel={channel} />
          <RolloutCard channel={channel} devices={devices} />
          <AutoPauseCard key={channel.id} channel={channel} />
        </Stack>
        <Stack>
          <RulesCard channel={channel} />
          <HistoryCard channel={channel} />
        </Stack>
      </SimpleGrid>
      <Confirm
        opened={isDeleting}
        onClose={deletion.close}
        title={`Delete channel ${channel.name}`}
        action="Delete"
        name={channel.name}
        run={async () => {
          await deleteChannel(appId, channel.name);
          tellDone(`Channel ${channel.name} is deleted.`);
          await navigate({ to: '/apps/$appId/channels', params: { appId } });
          await queryClient.invalidateQueries({ queryKey: ['channels', appId] });
        }}
      >
        Its devices are then served by the public channel or a release, or not at all. Pins of devices to it
        are forgotten. Bundles and history stay.
      </Confirm>
    </Page>
  );
}
