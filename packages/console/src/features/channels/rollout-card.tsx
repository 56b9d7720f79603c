import { Alert, Badge, Button, Card, Group, Slider, Stack, Text, Title } from '@mantine/core';
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks';
import { IconPlayerPause, IconPlayerPlay, IconRocket, IconX } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import type { Channel } from '../../api/channels.ts';
import { useCan } from '../../api/session.ts';
import { percentOfBps } from '../../components/amounts.ts';
import { Confirm } from '../../components/confirm.tsx';
import { When } from '../../components/when.tsx';
import { rolloutState } from './channel-words.ts';
import { DevicesShare } from './devices-share.tsx';
import { RolloutHealth } from './rollout-health.tsx';
import { StartRollout } from './start-rollout.tsx';
import { useChannelChange } from './use-channel-change.ts';
import type { ChannelDevices } from './use-channel-devices.ts';

export function RolloutCard({
  channel,
  devices,
}: {
  readonly channel: Channel;
  readonly devices: ChannelDevices | undefined;
}) {
  const can = useCan();
  const change = useChannelChange(channel);
  const asked = useChannelChange(channel, { isToldElsewhere: true });
  const state = rolloutState(channel);
  const mayDeploy = can('channels.deploy');
  const [percent, setPercent] = useState(channel.rolloutPercentageBps / 100);
  const [isPromoting, promotion] = useDisclosure(false);
  const [isCancelling, cancellation] = useDisclosure(false);
  useEffect(() => setPercent(channel.rolloutPercentageBps / 100), [channel.rolloutPercentageBps]);
  // Each press of an arrow key ends a change: they are one when they follow each other.
  const setShare = useDebouncedCallback((value: number) => {
    const rolloutPercentageBps = Math.round(value * 100);
    if (rolloutPercentageBps !== channel.rolloutPercentageBps) {
      change.mutate({ rolloutPercentageBps, rolloutEnabled: true });
    }
  }, 500);
  const name = channel.rollout_version_info?.name;

  return (
    <Card withBorder>
      <Stack>
        <Group justify="space-between">
          <Group gap="xs">
            <Title order={2}>Rollout</Title>
            {state !== 'none' && (
              <Badge
                tt="none"
                variant="light"
                color={state === 'paused' ? 'yellow' : state === 'off' ? 'gray' : 'teal'}
                data-testid="rollout-state"
              >
                {state}
              </Badge>
            )}
          </Group>
          {state !== 'none' && mayDeploy && (
            <Group gap="xs">
              {state === 'paused' ? (
                <Button
                  size="xs"
                  variant="default"
                  leftSection={<IconPlayerPlay size={14} />}
                  loading={change.isPending}
                  onClick={() => change.mutate({ rolloutPaused: false })}
                >
                  Resume
                </Button>
              ) : (
                state !== 'off' && (
                  <Button
                    size="xs"
                    variant="default"
                    leftSection={<IconPlayerPause size={14} />}
                    loading={change.isPending}
                    onClick={() =>
                      change.mutate({ rolloutPaused: true, rolloutPauseReason: 'paused in the console' })
                    }
                  >
                    Pause
                  </Button>
                )
              )}
              <Button
                size="xs"
                variant="default"
                color="red"
                leftSection={<IconX size={14} />}
                onClick={cancellation.open}
              >
                Cancel
              </Button>
              <Button size="xs" leftSection={<IconRocket size={14} />} onClick={promotion.open}>
                Promote
              </Button>
            </Group>
          )}
        </Group>
        {state === 'none' ? (
          mayDeploy ? (
            <StartRollout channel={channel} devices={devices} />
          ) : (
            <Text size="sm" c="dimmed">
              No rollout is under way.
            </Text>
          )
        ) : (
          <>
            <Text size="sm">
              <b>{name}</b> goes to <b>{percentOfBps(channel.rolloutPercentageBps)}</b> of the devices.
            </Text>
            {channel.rolloutPausedAt !== null && (
              <Alert color="yellow" py="xs">
                Paused <When at={channel.rolloutPausedAt} isAgo />
                {channel.rolloutPauseReason ? `: ${channel.rolloutPauseReason}` : ''}. Nobody new gets it; who
                has it keeps it.
              </Alert>
            )}
            {mayDeploy && (
              <Slider
                value={percent}
                onChange={setPercent}
                onChangeEnd={setShare}
                min={0}
                max={100}
                step={1}
                label={(value) => `${value} %`}
                thumbLabel="Share of the devices in percent"
                marks={[
                  { value: 0, label: '0 %' },
                  { value: 50, label: '50 %' },
                  { value: 100, label: '100 %' },
                ]}
                // Room for the label above the thumb and the marks below.
                mt="lg"
                mb="lg"
              />
            )}
            <DevicesShare appId={channel.app_id} percent={percent} devices={devices} />
            <RolloutHealth channel={channel} />
          </>
        )}
      </Stack>
      <Confirm
        opened={isPromoting}
        onClose={promotion.close}
        title={`Promote ${name}`}
        action="Promote"
        isDangerous={false}
        run={() => asked.mutateAsync({ promoteToStable: true })}
      >
        {name} becomes what everybody on {channel.name} gets, in place of {channel.version?.name}. The rollout
        ends.
      </Confirm>
      <Confirm
        opened={isCancelling}
        onClose={cancellation.close}
        title="Cancel the rollout"
        action="Cancel the rollout"
        run={() => asked.mutateAsync({ rollback: true })}
      >
        Nobody gets {name} any more, and devices that have it go back to {channel.version?.name}.
      </Confirm>
    </Card>
  );
}
