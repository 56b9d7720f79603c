import { Group, Progress, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type Channel, channelHealthQuery } from '../../api/channels.ts';
import { counted, percentOfBps } from '../../components/amounts.ts';

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
export function RolloutHealth({ channel }: { readonly channel: Channel }) {
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
