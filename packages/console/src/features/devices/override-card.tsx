import type { DeviceDetail, DeviceView } from '@capgo-server/protocol/management/devices';
import { Alert, Button, Card, Group, Select, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPin, IconPinnedOff } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { channelsQuery } from '../../api/channels.ts';
import { pinDevice, pinQuery, unpinDevice } from '../../api/pins.ts';
import { useCan } from '../../api/session.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { Confirm } from '../../components/confirm.tsx';
import { TextLink } from '../../components/links.tsx';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { tellDone, tellFailed } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';
import { pinEnd } from './pin-end.ts';

function PinForm({ device, pinned }: { readonly device: DeviceView; readonly pinned: string | undefined }) {
  const queryClient = useQueryClient();
  const channels = useQuery(channelsQuery(device.app_id));
  const [channel, setChannel] = useState<string | null>(null);
  // A public one is what devices get without a pin.
  const choices = (channels.data ?? [])
    .filter((each) => !each.public && each.name !== pinned)
    .map(({ name }) => name);
  if (pinned !== undefined && choices.length === 0) return null;
  return (
    <ActionForm
      action={pinned === undefined ? 'Pin the device' : 'Pin it to another'}
      isReady={channel !== null}
      isQuiet
      run={() => pinDevice(device, channel ?? '')}
      onDone={async () => {
        await queryClient.invalidateQueries({ queryKey: ['devices', device.app_id] });
        tellDone(`It gets what ${channel} serves with its next check, until ${pinEnd(Date.now())}.`);
        setChannel(null);
      }}
    >
      <Select
        label="Channel"
        description={`Whatever the device chose itself. The pin ends by itself on ${pinEnd(Date.now())}.`}
        placeholder={choices.length === 0 ? 'There is no channel that is not public' : 'Choose a channel'}
        disabled={choices.length === 0}
        searchable
        value={channel}
        onChange={setChannel}
        data={choices}
        nothingFoundMessage="No such channel"
      />
    </ActionForm>
  );
}

/** What an operator pinned the device to, against everything it would get otherwise. */
export function OverrideCard({ device }: { readonly device: DeviceDetail }) {
  const can = useCan();
  const queryClient = useQueryClient();
  const pin = useQuery(pinQuery(device));
  const [isUnpinning, unpinning] = useDisclosure(false);
  const channel = pin.data?.channel;
  const mayChange = can('devices.change');
  const refresh = () => queryClient.invalidateQueries({ queryKey: ['devices', device.app_id] });
  return (
    <Card withBorder component="section" aria-label="Override">
      <Stack>
        <Title order={2}>Override</Title>
        {pin.error ? (
          <Failure error={pin.error} onRetry={() => void pin.refetch()} />
        ) : !pin.data ? (
          <LoadingRows rows={1} />
        ) : channel === undefined ? (
          <Text size="sm" c="dimmed" role="status">
            None: the device gets what its channel or release serves.
          </Text>
        ) : (
          <Alert color="blue" icon={<IconPin />} role="status" py="sm">
            <Stack gap="xs" align="flex-start">
              <Text size="sm">
                Pinned to{' '}
                <TextLink
                  to="/apps/$appId/channels/$channel"
                  params={{ appId: device.app_id, channel }}
                  fw={600}
                  underline="always"
                >
                  {channel}
                </TextLink>
                {device.override?.expires_at ? (
                  <>
                    {' '}
                    until <When at={device.override.expires_at} />, unless it is renewed.
                  </>
                ) : (
                  '.'
                )}
              </Text>
              {mayChange && (
                <Group gap="xs">
                  <Button
                    size="compact-sm"
                    variant="default"
                    onClick={() =>
                      void pinDevice(device, channel)
                        .then(refresh)
                        .then(
                          () => tellDone(`Renewed: it is pinned to ${channel} until ${pinEnd(Date.now())}.`),
                          tellFailed,
                        )
                    }
                  >
                    Renew
                  </Button>
                  <Button
                    size="compact-sm"
                    variant="default"
                    leftSection={<IconPinnedOff size={14} />}
                    onClick={unpinning.open}
                  >
                    Take it back
                  </Button>
                </Group>
              )}
            </Stack>
          </Alert>
        )}
        {mayChange && pin.data && <PinForm device={device} pinned={channel} />}
      </Stack>
      <Confirm
        opened={isUnpinning}
        onClose={unpinning.close}
        title="Take the pin back"
        action="Take it back"
        isDangerous={false}
        run={async () => {
          await unpinDevice(device);
          await refresh();
          tellDone('The device gets again what others get.');
        }}
      >
        With its next check the device gets what its channel or release serves. A channel that it chose itself
        is forgotten, too, where the server keeps that.
      </Confirm>
    </Card>
  );
}
