import {
  Alert,
  Badge,
  Button,
  Card,
  Group,
  Progress,
  Select,
  Slider,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { useDebouncedCallback, useDisclosure } from '@mantine/hooks';
import { IconPlayerPause, IconPlayerPlay, IconRocket, IconX } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import { type Channel, channelHealthQuery } from '../../api/channels.ts';
import { useCan } from '../../api/session.ts';
import { counted, percentOfBps } from '../../components/amounts.ts';
import { Confirm } from '../../components/confirm.tsx';
import { tellDone } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';
import { rolloutState } from './channel-words.ts';
import { useChannelChange } from './use-channel-change.ts';

const verdicts: Readonly<Record<string, string>> = {
  no_rollout: 'There is no rollout.',
  disabled: 'Auto-pause is off: nothing stops this rollout by itself.',
  no_threshold: 'Auto-pause has no threshold: nothing stops this rollout by itself.',
  cooling_down: 'Auto-pause stopped a rollout a short while ago and waits.',
  too_few_attempts: 'Too few installs yet to judge it.',
  too_few_failures: 'Too few failures to stop for.',
  no_failures: 'No device has failed.',
  below_threshold: 'Its failures may be chance: it goes on.',
  triggered: 'Too many failures to be chance: it stops with the next look, within a minute.',
};

/** What the rollout's devices reported, against what stops it. */
function Health({ channel }: { readonly channel: Channel }) {
  const { data } = useQuery({ ...channelHealthQuery(channel.app_id, channel.name), refetchInterval: 5_000 });
  if (!data) return null;
  const {
    installs,
    failures,
    certain_rate_bps: certain,
    threshold_bps: threshold,
    failure_rate_bps: rate,
  } = data;
  const limit = threshold ?? 1_000;
  const isBad = data.verdict === 'triggered';
  return (
    <Stack gap={6} role="group" aria-label="Health of the rollout">
      <Group justify="space-between">
        <Text size="sm" fw={600}>
          Last {counted(data.window_minutes, 'minute')}
        </Text>
        <Text size="sm">
          {counted(installs, 'install')}, {counted(failures, 'failure')}
          {rate !== null && ` (${percentOfBps(rate)})`}
        </Text>
      </Group>
      {threshold !== null && (
        <>
          <Progress
            size="lg"
            value={Math.min(100, ((certain ?? 0) / Math.max(1, limit)) * 100)}
            color={isBad ? 'red' : (certain ?? 0) > limit / 2 ? 'yellow' : 'teal'}
            aria-label="Failures against the threshold"
          />
          <Group justify="space-between">
            <Text size="xs" c="dimmed">
              surely failing: {certain === null ? 'no report yet' : percentOfBps(certain)}
            </Text>
            <Text size="xs" c="dimmed">
              stops at {percentOfBps(threshold)}
            </Text>
          </Group>
        </>
      )}
      <Text size="xs" c={isBad ? 'red' : 'dimmed'} role="status">
        {verdicts[data.verdict]}
      </Text>
    </Stack>
  );
}

function StartRollout({ channel }: { readonly channel: Channel }) {
  const { data: bundles = [] } = useQuery(bundlesQuery(channel.app_id));
  const change = useChannelChange(channel);
  const [version, setVersion] = useState<string | null>(null);
  const [percent, setPercent] = useState(5);
  if (channel.version === null) {
    return (
      <Text size="sm" c="dimmed">
        Set a bundle first: a rollout needs one that everybody else keeps.
      </Text>
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate(
          { rolloutVersion: version, rolloutPercentageBps: percent * 100, rolloutEnabled: true },
          { onSuccess: () => tellDone(`${version} goes to ${percent} % of the devices.`) },
        );
      }}
    >
      <Stack>
        <Select
          label="Roll out"
          placeholder="Choose a bundle"
          searchable
          value={version}
          onChange={setVersion}
          data={bundles
            .map(({ version_name }) => version_name)
            .filter((name) => name !== channel.version?.name)}
          nothingFoundMessage="No other bundle"
        />
        <Stack gap={4}>
          <Text size="sm" fw={500}>
            To {percent} % of the devices
          </Text>
          <Slider
            value={percent}
            onChange={setPercent}
            min={1}
            max={100}
            thumbLabel="Share of the devices in percent"
            label={(value) => `${value} %`}
          />
        </Stack>
        <Group justify="flex-end">
          <Button
            type="submit"
            leftSection={<IconRocket size={16} />}
            loading={change.isPending}
            disabled={version === null}
          >
            Start the rollout
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** @param devices that the channel serves; undefined while it is not known */
export function RolloutCard({
  channel,
  devices,
}: {
  readonly channel: Channel;
  readonly devices: number | undefined;
}) {
  const can = useCan();
  const change = useChannelChange(channel);
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
            <StartRollout channel={channel} />
          ) : (
            <Text size="sm" c="dimmed">
              No rollout is under way.
            </Text>
          )
        ) : (
          <>
            <Text size="sm">
              <b>{name}</b> goes to <b>{percentOfBps(channel.rolloutPercentageBps)}</b> of the devices
              {devices !== undefined && (
                <>
                  , about{' '}
                  <b data-testid="rollout-devices">
                    {counted(Math.round((devices * percent) / 100), 'device')}
                  </b>{' '}
                  of {devices.toLocaleString()}
                </>
              )}
              .
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
                mb="lg"
              />
            )}
            <Health channel={channel} />
          </>
        )}
      </Stack>
      <Confirm
        opened={isPromoting}
        onClose={promotion.close}
        title={`Promote ${name}`}
        action="Promote"
        isDangerous={false}
        run={() => change.mutateAsync({ promoteToStable: true })}
      >
        {name} becomes what everybody on {channel.name} gets, in place of {channel.version?.name}. The rollout
        ends.
      </Confirm>
      <Confirm
        opened={isCancelling}
        onClose={cancellation.close}
        title="Cancel the rollout"
        action="Cancel the rollout"
        run={() => change.mutateAsync({ rollback: true })}
      >
        Nobody gets {name} any more, and devices that have it go back to {channel.version?.name}.
      </Confirm>
    </Card>
  );
}
