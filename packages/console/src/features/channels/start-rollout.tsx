import { Select, Slider, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import type { Channel } from '../../api/channels.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { tellDone } from '../../components/tell.ts';
import { DevicesShare } from './devices-share.tsx';
import { useChannelChange } from './use-channel-change.ts';
import type { ChannelDevices } from './use-channel-devices.ts';

export function StartRollout({
  channel,
  devices,
}: {
  readonly channel: Channel;
  readonly devices: ChannelDevices | undefined;
}) {
  const { data: bundles = [] } = useQuery(bundlesQuery(channel.app_id));
  const change = useChannelChange(channel, { isToldElsewhere: true });
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
    <ActionForm
      action="Start the rollout"
      isReady={version !== null}
      run={() =>
        change.mutateAsync({
          rolloutVersion: version,
          rolloutPercentageBps: percent * 100,
          rolloutEnabled: true,
        })
      }
      onDone={() => tellDone(`${version} goes to ${percent} % of the devices.`)}
    >
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
        <DevicesShare appId={channel.app_id} percent={percent} devices={devices} />
      </Stack>
    </ActionForm>
  );
}
