import { Button, Card, Group, Modal, Select, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconArrowBackUp, IconBox } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import { type Channel, rollBack } from '../../api/channels.ts';
import { useCan } from '../../api/session.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { Confirm } from '../../components/confirm.tsx';
import { tellDone } from '../../components/tell.ts';
import { rolloutState } from './channel-words.ts';
import { useChannelChange } from './use-channel-change.ts';

const builtin = 'builtin';

export function ServingCard({ channel }: { readonly channel: Channel }) {
  const can = useCan();
  const queryClient = useQueryClient();
  const { data: bundles = [] } = useQuery(bundlesQuery(channel.app_id));
  const change = useChannelChange(channel, { isToldElsewhere: true });
  const [isSetting, setting] = useDisclosure(false);
  const [isRollingBack, rollback] = useDisclosure(false);
  const [version, setVersion] = useState<string | null>(null);
  const hasRollout = rolloutState(channel) !== 'none';
  return (
    <Card withBorder>
      <Stack>
        <Group justify="space-between">
          <Title order={2}>Serves</Title>
          {can('channels.deploy') && (
            <Group gap="xs">
              <Button
                size="xs"
                variant="default"
                leftSection={<IconArrowBackUp size={14} />}
                onClick={rollback.open}
              >
                Roll back
              </Button>
              <Button
                size="xs"
                leftSection={<IconBox size={14} />}
                onClick={() => {
                  setVersion(channel.version?.name ?? builtin);
                  setting.open();
                }}
              >
                Set bundle
              </Button>
            </Group>
          )}
        </Group>
        <Text fz={28} fw={700} lh={1.1} data-testid="serves">
          {channel.version?.name ?? 'builtin'}
        </Text>
        <Text size="sm" c="dimmed">
          {channel.version === null
            ? 'The bundle inside each native build.'
            : hasRollout
              ? 'Everybody outside of the rollout gets it.'
              : 'Every device of this channel gets it.'}
        </Text>
      </Stack>
      <Modal opened={isSetting} onClose={setting.close} title={`What ${channel.name} serves`}>
        <ActionForm
          action="Serve it"
          isReady={version !== null && version !== (channel.version?.name ?? builtin)}
          run={() => change.mutateAsync({ version: version === builtin ? null : version })}
          onDone={() => {
            setting.close();
            tellDone(`${channel.name} serves ${version}.`);
          }}
        >
          <Select
            label="Bundle"
            searchable
            allowDeselect={false}
            data-autofocus
            value={version}
            onChange={setVersion}
            data={[
              { value: builtin, label: 'builtin: back to the native build’s own' },
              ...bundles.map(({ version_name }) => ({ value: version_name, label: version_name })),
            ]}
          />
        </ActionForm>
      </Modal>
      <Confirm
        opened={isRollingBack}
        onClose={rollback.close}
        title={`Roll back ${channel.name}`}
        action="Roll back"
        run={async () => {
          const { message } = await rollBack(channel.app_id, channel.name);
          await queryClient.invalidateQueries({ queryKey: ['channels', channel.app_id] });
          tellDone(`${message}.`);
        }}
      >
        {hasRollout
          ? `The rollout of ${channel.rollout_version_info?.name} ends, and devices that have it go back to ${channel.version?.name ?? 'builtin'}.`
          : `The channel goes back to what it served before ${channel.version?.name ?? 'builtin'}, and devices follow with their next check.`}
      </Confirm>
    </Card>
  );
}
