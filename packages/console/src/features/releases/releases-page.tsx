import type { BundleView } from '@capgo-server/protocol/management/bundles';
import type { ReleaseView } from '@capgo-server/protocol/management/releases';
import {
  ActionIcon,
  Alert,
  Badge,
  Button,
  Group,
  Menu,
  Modal,
  Paper,
  SegmentedControl,
  Select,
  Stack,
  Table,
  Text,
  TextInput,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import {
  IconArrowBackUp,
  IconCalendar,
  IconDots,
  IconPlus,
  IconRocket,
  IconTrash,
} from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import {
  createRelease,
  deleteRelease,
  releasesQuery,
  setActiveBundle,
  updateRelease,
} from '../../api/releases.ts';
import { useCan } from '../../api/session.ts';
import { Confirm } from '../../components/confirm.tsx';
import { dayText } from '../../components/moment.ts';
import { Page } from '../../components/page.tsx';
import { PlatformName, platformName, platformNames } from '../../components/platform.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone, tellFailed } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';

function bundleOptions(bundles: readonly BundleView[]) {
  return bundles.map(({ id, version_name, description }) => ({
    value: id,
    label: description === '' ? version_name : `${version_name} · ${description}`,
  }));
}

function CreateRelease({
  appId,
  bundles,
  onDone,
}: {
  readonly appId: string;
  readonly bundles: readonly BundleView[];
  readonly onDone: () => void;
}) {
  const queryClient = useQueryClient();
  const [platform, setPlatform] = useState('android');
  const [versionName, setVersionName] = useState('');
  const [versionCode, setVersionCode] = useState('');
  const [builtin, setBuiltin] = useState<string | null>(null);
  const creation = useMutation({
    mutationFn: () =>
      createRelease({
        platform,
        app_id: appId,
        version_name: versionName.trim(),
        version_code: versionCode.trim(),
        builtin_bundle_id: builtin ?? '',
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['releases', appId] });
      tellDone(
        `Release ${versionName} (${versionCode}) is registered. Its devices stay on their builtin bundle until you set another one.`,
      );
      onDone();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        creation.mutate();
      }}
    >
      <Stack>
        <SegmentedControl
          aria-label="Platform"
          fullWidth
          value={platform}
          onChange={setPlatform}
          data={Object.entries(platformNames).map(([value, label]) => ({ value, label }))}
        />
        <Group grow align="flex-start">
          <TextInput
            label="Native version"
            description="As the store shows it"
            placeholder="1.0.0"
            required
            value={versionName}
            onChange={(event) => setVersionName(event.currentTarget.value)}
            data-autofocus
          />
          <TextInput
            label="Build number"
            description="versionCode, CFBundleVersion"
            placeholder="12"
            required
            value={versionCode}
            onChange={(event) => setVersionCode(event.currentTarget.value)}
          />
        </Group>
        <Select
          label="Builtin bundle"
          description="The web app inside this native build"
          placeholder={bundles.length === 0 ? 'Upload it first' : 'Choose a bundle'}
          required
          searchable
          value={builtin}
          onChange={setBuiltin}
          data={bundleOptions(bundles)}
          nothingFoundMessage="No such bundle"
        />
        {creation.error && (
          <Alert color="red" role="alert">
            {creation.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button type="submit" loading={creation.isPending} disabled={builtin === null}>
            Create the release
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function SetActive({
  release,
  bundles,
  onDone,
}: {
  readonly release: ReleaseView;
  readonly bundles: readonly BundleView[];
  readonly onDone: () => void;
}) {
  const queryClient = useQueryClient();
  const [bundleId, setBundleId] = useState(release.active_bundle_id);
  const change = useMutation({
    mutationFn: () => setActiveBundle({ release_id: release.id, bundle_id: bundleId }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['releases', release.app_id] });
      tellDone('Its devices get that bundle with their next check.');
      onDone();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <Stack>
        <Text size="sm">
          Every device with {platformName(release.platform)} {release.version_name} (build{' '}
          {release.version_code}) gets this bundle with its next check.
        </Text>
        <Select
          label="Active bundle"
          searchable
          data-autofocus
          value={bundleId}
          onChange={setBundleId}
          placeholder="Choose a bundle"
          data={bundleOptions(bundles)}
          nothingFoundMessage="No such bundle"
        />
        {change.error && (
          <Alert color="red" role="alert">
            {change.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button
            type="submit"
            loading={change.isPending}
            disabled={bundleId === null || bundleId === release.active_bundle_id}
          >
            Set active
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function SetDate({ release, onDone }: { readonly release: ReleaseView; readonly onDone: () => void }) {
  const queryClient = useQueryClient();
  const [date, setDate] = useState(release.release_date?.slice(0, 10) ?? '');
  const change = useMutation({
    mutationFn: () => updateRelease({ release_id: release.id, release_date: date === '' ? null : date }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['releases', release.app_id] });
      onDone();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        change.mutate();
      }}
    >
      <Stack>
        <TextInput
          type="date"
          label="Release date"
          description="The day it came into the store; empty for none"
          value={date}
          onChange={(event) => setDate(event.currentTarget.value)}
          data-autofocus
        />
        {change.error && (
          <Alert color="red" role="alert">
            {change.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button type="submit" loading={change.isPending}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

type Doing = { readonly what: 'active' | 'date' | 'delete'; readonly release: ReleaseView };

export function ReleasesPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/releases' });
  const releases = useQuery(releasesQuery(appId));
  const bundles = useQuery(bundlesQuery(appId));
  const queryClient = useQueryClient();
  const can = useCan();
  const [isCreating, creation] = useDisclosure(false);
  const [doing, setDoing] = useState<Doing>();
  const [platform, setPlatform] = useState('all');
  const names = useMemo(
    () => new Map((bundles.data ?? []).map(({ id, version_name }) => [id, version_name])),
    [bundles.data],
  );
  const name = (id: string | null) => (id === null ? undefined : (names.get(id) ?? 'a bundle that is gone'));
  const stop = () => setDoing(undefined);
  const backToBuiltin = useMutation({
    mutationFn: (release: ReleaseView) => setActiveBundle({ release_id: release.id, bundle_id: null }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['releases', appId] });
      tellDone('Its devices go back to the bundle inside their native build with their next check.');
    },
    onError: tellFailed,
  });
  const createButton = can('releases.change') && (
    <Button leftSection={<IconPlus size={16} />} onClick={creation.open}>
      Create a release
    </Button>
  );
  const shown = (releases.data ?? []).filter(
    (release) => platform === 'all' || release.platform === platform,
  );

  return (
    <Page
      title="Releases"
      description="Native builds in the stores. Each runs its builtin bundle until you set an active one."
      actions={createButton}
    >
      {releases.error ? (
        <Failure error={releases.error} onRetry={() => void releases.refetch()} />
      ) : !releases.data ? (
        <LoadingRows />
      ) : releases.data.length === 0 ? (
        <Nothing icon={IconRocket} title="No release yet" action={createButton}>
          A release tells the server which bundle a native build was shipped with. Upload that bundle first.
          Where channels serve your devices you need no releases.
        </Nothing>
      ) : (
        <Stack gap="sm">
          <SegmentedControl
            aria-label="Platform"
            value={platform}
            onChange={setPlatform}
            data={[
              { value: 'all', label: 'All' },
              ...Object.entries(platformNames).map(([value, label]) => ({ value, label })),
            ]}
            style={{ alignSelf: 'flex-start' }}
          />
          <Paper withBorder>
            <Table.ScrollContainer
              minWidth={760}
              scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'region', 'aria-label': 'Releases' } }}
            >
              <Table verticalSpacing="sm" highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Platform</Table.Th>
                    <Table.Th>Native version</Table.Th>
                    <Table.Th>Devices run</Table.Th>
                    <Table.Th>Builtin</Table.Th>
                    <Table.Th>Released</Table.Th>
                    <Table.Th>Changed</Table.Th>
                    <Table.Th>
                      <span className="mantine-visually-hidden">Actions</span>
                    </Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {shown.map((release) => (
                    <Table.Tr key={release.id}>
                      <Table.Td>
                        <PlatformName platform={release.platform} />
                      </Table.Td>
                      <Table.Td>
                        <b>{release.version_name}</b>{' '}
                        <Text span c="dimmed" size="sm">
                          ({release.version_code})
                        </Text>
                      </Table.Td>
                      <Table.Td>
                        {release.active_bundle_id === null ? (
                          <Badge variant="light" color="gray" tt="none">
                            builtin
                          </Badge>
                        ) : (
                          <Badge variant="light" color="blue" tt="none">
                            {name(release.active_bundle_id)}
                          </Badge>
                        )}
                      </Table.Td>
                      <Table.Td>{name(release.builtin_bundle_id)}</Table.Td>
                      <Table.Td>
                        {release.release_date === null ? (
                          <Text span c="dimmed">
                            –
                          </Text>
                        ) : (
                          dayText(release.release_date.slice(0, 10))
                        )}
                      </Table.Td>
                      <Table.Td>
                        <When at={release.updated_at} isAgo />
                      </Table.Td>
                      <Table.Td>
                        {can('releases.change') && (
                          <Group gap={4} wrap="nowrap" justify="flex-end">
                            <Button
                              size="compact-sm"
                              variant="default"
                              onClick={() => setDoing({ what: 'active', release })}
                            >
                              Set bundle
                            </Button>
                            <Menu position="bottom-end">
                              <Menu.Target>
                                <ActionIcon
                                  variant="subtle"
                                  color="gray"
                                  aria-label={`More for ${release.platform} ${release.version_name}`}
                                >
                                  <IconDots size={16} />
                                </ActionIcon>
                              </Menu.Target>
                              <Menu.Dropdown>
                                <Menu.Item
                                  leftSection={<IconArrowBackUp size={16} />}
                                  disabled={release.active_bundle_id === null}
                                  onClick={() => backToBuiltin.mutate(release)}
                                >
                                  Back to builtin
                                </Menu.Item>
                                <Menu.Item
                                  leftSection={<IconCalendar size={16} />}
                                  onClick={() => setDoing({ what: 'date', release })}
                                >
                                  Release date
                                </Menu.Item>
                                <Menu.Item
                                  color="red"
                                  leftSection={<IconTrash size={16} />}
                                  onClick={() => setDoing({ what: 'delete', release })}
                                >
                                  Delete
                                </Menu.Item>
                              </Menu.Dropdown>
                            </Menu>
                          </Group>
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            {shown.length === 0 && (
              <Text p="lg" ta="center" c="dimmed">
                No release for this platform.
              </Text>
            )}
          </Paper>
        </Stack>
      )}
      <Modal opened={isCreating} onClose={creation.close} title="Create a release">
        <CreateRelease appId={appId} bundles={bundles.data ?? []} onDone={creation.close} />
      </Modal>
      <Modal opened={doing?.what === 'active'} onClose={stop} title="Set the active bundle">
        {doing && <SetActive release={doing.release} bundles={bundles.data ?? []} onDone={stop} />}
      </Modal>
      <Modal opened={doing?.what === 'date'} onClose={stop} title="Release date">
        {doing && <SetDate release={doing.release} onDone={stop} />}
      </Modal>
      {doing && (
        <Confirm
          opened={doing.what === 'delete'}
          onClose={stop}
          title="Delete the release"
          action="Delete"
          name={doing.release.version_name}
          run={async () => {
            await deleteRelease(doing.release.id);
            await queryClient.invalidateQueries({ queryKey: ['releases', appId] });
            tellDone('The release is deleted.');
          }}
        >
          The server forgets {platformName(doing.release.platform)} {doing.release.version_name} (build{' '}
          {doing.release.version_code}). Its devices are then served by a channel, or not at all. Bundles
          stay.
        </Confirm>
      )}
    </Page>
  );
}
