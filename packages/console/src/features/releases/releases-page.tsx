import type { ReleaseView } from '@capgo-server/protocol/management/releases';
import { Button, Modal, Paper, SegmentedControl, Stack, Table, Text, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus, IconRocket } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import { deleteRelease, releasesQuery, setActiveBundle } from '../../api/releases.ts';
import { useCan } from '../../api/session.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Page } from '../../components/page.tsx';
import { platformName, platformNames } from '../../components/platform.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone, tellFailed } from '../../components/tell.ts';
import { CreateRelease, SetActive, SetDate } from './release-forms.tsx';
import { type ReleaseDeed, ReleaseRow } from './release-row.tsx';

type Doing = { readonly what: ReleaseDeed; readonly release: ReleaseView };

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
            <ScrollTable label="Releases" minWidth={760} spacing="sm">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Platform</Table.Th>
                  <Table.Th>Native version</Table.Th>
                  <Table.Th>Devices run</Table.Th>
                  <Table.Th>Builtin</Table.Th>
                  <Table.Th>Released</Table.Th>
                  <Table.Th>Changed</Table.Th>
                  <Table.Th>
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {shown.map((release) => (
                  <ReleaseRow
                    key={release.id}
                    release={release}
                    name={name}
                    onBackToBuiltin={() => backToBuiltin.mutate(release)}
                    onDo={(what) => setDoing({ what, release })}
                  />
                ))}
              </Table.Tbody>
            </ScrollTable>
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
