import { Text } from '@mantine/core';
import { count, counted } from '../../components/amounts.ts';
import { TextLink } from '../../components/links.tsx';
import { deviceFilterOf } from '../devices/device-filter.ts';
import { devicesOfShare } from './channel-words.ts';
import type { ChannelDevices } from './use-channel-devices.ts';

/** How many of a channel's devices a share of it is. */
export function DevicesShare({
  appId,
  percent,
  devices,
}: {
  readonly appId: string;
  readonly percent: number;
  readonly devices: ChannelDevices | undefined;
}) {
  if (devices === undefined) return null;
  if (devices.count === 0)
    return (
      <Text size="sm" c="dimmed">
        No active device is served by this channel yet.
      </Text>
    );
  return (
    <Text size="sm" c="dimmed" aria-live="polite">
      {percent} % is about{' '}
      <b data-testid="rollout-devices">{counted(devicesOfShare(devices.count, percent), 'device')}</b> of{' '}
      <TextLink
        to="/apps/$appId/devices"
        params={{ appId }}
        search={deviceFilterOf(devices.filter ?? {})}
        inherit
        underline="always"
      >
        {count(devices.count)} active
      </TextLink>
    </Text>
  );
}
