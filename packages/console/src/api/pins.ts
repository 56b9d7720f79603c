import type { DeviceView } from '@capgo-server/protocol/management/devices';
import type { RestDevice } from '@capgo-server/protocol/management/rest-devices';
import { queryOptions } from '@tanstack/react-query';
import { rest } from './client.ts';

type DeviceKey = Pick<DeviceView, 'app_id' | 'device_id'>;
const keyOf = ({ app_id, device_id }: DeviceKey) => ({ app_id, device_id });

/** What an operator pinned a device to. */
export const pinQuery = (device: DeviceKey) =>
  queryOptions({
    queryKey: ['devices', device.app_id, 'pin', device.device_id],
    queryFn: async ({ signal }): Promise<{ readonly channel: string | undefined }> => {
      const { channel } = await rest.get<RestDevice>('/device', keyOf(device), signal);
      return { channel };
    },
  });

/** Pins a device to a channel that is not public, or renews its pin. */
export const pinDevice = (device: DeviceKey, channel: string) =>
  rest.send('POST', '/device', { ...keyOf(device), channel });
export const unpinDevice = (device: DeviceKey) => rest.send('DELETE', '/device', keyOf(device));
