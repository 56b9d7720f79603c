import type { DeviceView, ExplainView } from '@capgo-server/protocol/management/devices';
import {
  Accordion,
  Alert,
  Button,
  Card,
  Code,
  Group,
  List,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { IconHelpCircle } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { explain } from '../../api/devices.ts';
import { Facts } from '../../components/facts.tsx';
import { platformNames } from '../../components/platform.tsx';
import { Failure } from '../../components/states.tsx';

/** The request the device would send, with what is edited of it. */
function requestOf(device: DeviceView) {
  return {
    app_id: device.app_id,
    device_id: device.device_id,
    platform: device.platform,
    version_name: device.version_name ?? 'builtin',
    version_build: device.version_build ?? '1.0.0',
    version_code: device.version_code ?? '1',
    version_os: device.version_os ?? '1',
    plugin_version: device.plugin_version ?? '8.0.0',
    custom_id: device.custom_id ?? '',
    defaultChannel: device.default_channel ?? '',
    is_emulator: device.is_emulator,
    is_prod: device.is_prod,
  };
}

const sources: Readonly<Record<string, string>> = {
  device_override: 'an operator pinned the device to it',
  self_set: 'the device chose it',
  default_channel: 'the app’s configuration names it',
  public_channel: 'it is the public channel of the platform',
  release: 'its native build is registered',
  builtin_release: 'the release with that builtin bundle',
};

function Explanation({ view }: { readonly view: ExplainView }) {
  const server = view.channel
    ? `channel ${view.channel.name}`
    : view.release
      ? `release ${view.release.version_name} (${view.release.version_code})`
      : 'nothing';
  return (
    <Stack gap="sm" role="status" data-testid="explanation">
      <Facts
        facts={[
          ['Outcome', <b key="o">{view.outcome.replaceAll('_', ' ')}</b>],
          [
            'Served by',
            view.source === null
              ? server
              : `${server}: ${sources[view.source] ?? view.source.replaceAll('_', ' ')}`,
          ],
          ['Bundle considered', view.bundle ?? 'none'],
        ]}
      />
      <List type="ordered" size="sm" spacing={4}>
        {view.steps.map(({ step, why }) => (
          <List.Item key={step + why}>
            <b>{step.replaceAll('_', ' ')}</b>: {why}
          </List.Item>
        ))}
      </List>
      <Accordion variant="contained">
        <Accordion.Item value="answer">
          <Accordion.Control>
            <Text size="sm">The answer, to the letter</Text>
          </Accordion.Control>
          <Accordion.Panel>
            <Code block fz="xs">
              {JSON.stringify(view.answer, null, 2)}
            </Code>
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  );
}

/** What the device would be answered now, and why; as it is, or as it might be. */
export function WhyThisAnswer({ device }: { readonly device: DeviceView }) {
  const [edited, setEdited] = useState(() => requestOf(device));
  const asIs = useMutation({
    mutationFn: () => explain({ app_id: device.app_id, device_id: device.device_id }),
  });
  const asEdited = useMutation({ mutationFn: () => explain(edited) });
  const last = asEdited.submittedAt > asIs.submittedAt ? asEdited : asIs;
  const text = (
    name:
      | 'version_name'
      | 'version_build'
      | 'version_code'
      | 'plugin_version'
      | 'defaultChannel'
      | 'custom_id',
    label: string,
  ) => (
    <TextInput
      label={label}
      size="xs"
      value={edited[name]}
      onChange={(event) => {
        const { value } = event.currentTarget;
        setEdited((current) => ({ ...current, [name]: value }));
      }}
    />
  );
  return (
    <Card withBorder>
      <Stack>
        <Group justify="space-between">
          <Title order={2}>Why this answer?</Title>
          <Button
            size="xs"
            leftSection={<IconHelpCircle size={14} />}
            loading={asIs.isPending}
            onClick={() => asIs.mutate()}
          >
            Explain as it is
          </Button>
        </Group>
        <Accordion variant="contained" chevronPosition="left">
          <Accordion.Item value="edit">
            <Accordion.Control>
              <Text size="sm">What if it were different?</Text>
            </Accordion.Control>
            <Accordion.Panel>
              <form
                onSubmit={(event) => {
                  event.preventDefault();
                  asEdited.mutate();
                }}
              >
                <Stack gap="sm">
                  <SimpleGrid cols={2}>
                    <Select
                      label="Platform"
                      size="xs"
                      allowDeselect={false}
                      value={edited.platform}
                      onChange={(platform) => platform && setEdited((current) => ({ ...current, platform }))}
                      data={Object.entries(platformNames).map(([value, label]) => ({ value, label }))}
                    />
                    {text('version_name', 'Runs bundle')}
                    {text('version_build', 'Native version')}
                    {text('version_code', 'Build number')}
                    {text('plugin_version', 'Plugin version')}
                    {text('defaultChannel', 'Channel of its configuration')}
                  </SimpleGrid>
                  <Group>
                    <Switch
                      size="xs"
                      label="Emulator"
                      checked={edited.is_emulator}
                      onChange={(event) => {
                        const { checked } = event.currentTarget;
                        setEdited((current) => ({ ...current, is_emulator: checked }));
                      }}
                    />
                    <Switch
                      size="xs"
                      label="Production build"
                      checked={edited.is_prod}
                      onChange={(event) => {
                        const { checked } = event.currentTarget;
                        setEdited((current) => ({ ...current, is_prod: checked }));
                      }}
                    />
                  </Group>
                  <Group justify="space-between">
                    <Button size="xs" variant="subtle" onClick={() => setEdited(requestOf(device))}>
                      As it is
                    </Button>
                    <Button size="xs" type="submit" variant="default" loading={asEdited.isPending}>
                      Explain as edited
                    </Button>
                  </Group>
                </Stack>
              </form>
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
        {last.error && <Failure error={last.error} />}
        {last.data ? (
          <>
            {last === asEdited && (
              <Alert color="blue" py={6}>
                Of the device as edited; nothing was changed.
              </Alert>
            )}
            <Explanation view={last.data} />
          </>
        ) : (
          !last.error && (
            <Text size="sm" c="dimmed">
              The same rules that answer the device, with every step on the way. Nothing is counted or kept.
            </Text>
          )
        )}
      </Stack>
    </Card>
  );
}
