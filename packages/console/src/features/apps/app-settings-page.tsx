import {
  Button,
  Card,
  Group,
  List,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconTrash } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { appQuery, changeApp, deleteApp, type RestApp } from '../../api/apps.ts';
import { bundlesQuery } from '../../api/bundles.ts';
import { channelsQuery } from '../../api/channels.ts';
import { overviewQuery } from '../../api/overview.ts';
import { releasesQuery } from '../../api/releases.ts';
import { useCan } from '../../api/session.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { counted } from '../../components/amounts.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Facts } from '../../components/facts.tsx';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { type Retention, retentionOf, secondsOf } from './retention.ts';

function Settings({ app }: { readonly app: RestApp }) {
  const queryClient = useQueryClient();
  const [name, setName] = useState(app.name ?? '');
  const [exposesMetadata, setExposesMetadata] = useState(app.expose_metadata);
  const [takesCustomIds, setTakesCustomIds] = useState(app.allow_device_custom_id);
  const [retention, setRetention] = useState<Retention>(retentionOf(app.retention));
  return (
    <ActionForm
      action="Save"
      isReady={name.trim() !== ''}
      run={() =>
        changeApp(app.app_id, {
          name: name.trim(),
          expose_metadata: exposesMetadata,
          allow_device_custom_id: takesCustomIds,
          retention: secondsOf(retention),
        })
      }
      onDone={async () => {
        await queryClient.invalidateQueries({ queryKey: ['apps'] });
        tellDone('The settings are saved.');
      }}
    >
      <TextInput
        label="Name"
        description="For people; the app id never changes"
        required
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Group align="flex-end" grow>
        <Select
          label="Bundles that nothing uses"
          allowDeselect={false}
          value={retention.kind}
          onChange={(kind) => kind && setRetention({ ...retention, kind })}
          data={[
            { value: 'after', label: 'are deleted after some days' },
            { value: 'never', label: 'are kept for ever' },
          ]}
        />
        {retention.kind === 'after' && (
          <NumberInput
            label="Days"
            min={0}
            max={730}
            allowDecimal={false}
            required
            value={retention.days}
            onChange={(days) => setRetention({ ...retention, days: Number(days) })}
          />
        )}
      </Group>
      <Switch
        label="Expose metadata"
        description="Devices are told the link and the comment of a bundle they get"
        checked={exposesMetadata}
        onChange={(event) => setExposesMetadata(event.currentTarget.checked)}
      />
      <Switch
        label="Custom ids"
        description="Devices may name themselves"
        checked={takesCustomIds}
        onChange={(event) => setTakesCustomIds(event.currentTarget.checked)}
      />
    </ActionForm>
  );
}

function factsOf(app: RestApp): [string, string][] {
  const { kind, days } = retentionOf(app.retention);
  return [
    ['Name', app.name ?? '–'],
    [
      'Bundles that nothing uses',
      kind === 'never' ? 'are kept for ever' : `are deleted after ${counted(days, 'day')}`,
    ],
    ['Expose metadata', app.expose_metadata ? 'yes' : 'no'],
    ['Custom ids', app.allow_device_custom_id ? 'yes' : 'no'],
  ];
}

/** How much of an app there is, which goes with it. */
function Extent({ appId }: { readonly appId: string }) {
  const { data: bundles } = useQuery(bundlesQuery(appId));
  const { data: channels } = useQuery(channelsQuery(appId));
  const { data: releases } = useQuery(releasesQuery(appId));
  const { data: overview } = useQuery(overviewQuery(appId, 1));
  const of = (number: number | undefined, noun: string) =>
    number === undefined ? `its ${noun}s` : counted(number, noun);
  return (
    <List size="sm" aria-label="What is deleted">
      <List.Item>{of(bundles?.length, 'bundle')}, the zips and all files</List.Item>
      <List.Item>
        {of(channels?.length, 'channel')} and {of(releases?.length, 'release')}
      </List.Item>
      <List.Item>
        everything known of its devices
        {overview && ` (${counted(overview.now.devices, 'device')} active since yesterday)`}
      </List.Item>
    </List>
  );
}

export function AppSettingsPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/settings' });
  const app = useQuery(appQuery(appId));
  const can = useCan();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [isDeleting, deletion] = useDisclosure(false);
  return (
    <Page title="App settings" description={appId}>
      {app.error ? (
        <Failure error={app.error} onRetry={() => void app.refetch()} />
      ) : !app.data ? (
        <LoadingRows />
      ) : (
        <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: 'start' }}>
          <Card withBorder>
            {can('apps.change') ? (
              <Settings key={app.data.app_id} app={app.data} />
            ) : (
              <Stack gap="xs">
                <Facts facts={factsOf(app.data)} />
                <Text size="xs" c="dimmed">
                  Your role may look at the settings, but not change them.
                </Text>
              </Stack>
            )}
          </Card>
          {can('apps.delete') && (
            <Card withBorder component="section" aria-label="Delete the app">
              <Stack gap="sm" align="flex-start">
                <Title order={2}>Delete the app</Title>
                <Text size="sm" c="dimmed">
                  With all of its bundles, channels, releases and devices. Phones that still have the app are
                  told that the server does not know it, and keep what they run.
                </Text>
                <Button
                  color="red"
                  variant="light"
                  leftSection={<IconTrash size={16} />}
                  onClick={deletion.open}
                >
                  Delete
                </Button>
              </Stack>
            </Card>
          )}
        </SimpleGrid>
      )}
      <Confirm
        opened={isDeleting}
        onClose={deletion.close}
        title={`Delete ${appId}`}
        action="Delete the app"
        name={appId}
        run={async () => {
          await deleteApp(appId);
          tellDone(`App ${appId} is deleted.`);
          await navigate({ to: '/' });
          await queryClient.invalidateQueries();
        }}
      >
        <Stack gap="xs">
          <Text size="sm">This cannot be undone. It deletes:</Text>
          <Extent appId={appId} />
        </Stack>
      </Confirm>
    </Page>
  );
}
