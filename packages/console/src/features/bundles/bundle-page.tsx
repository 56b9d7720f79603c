import { Button, Card, List, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBoxOff, IconDownload, IconTrash } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { bundlesQuery, deleteBundle } from '../../api/bundles.ts';
import { useCan } from '../../api/session.ts';
import { bytes } from '../../components/amounts.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Copyable } from '../../components/copy.tsx';
import { Facts } from '../../components/facts.tsx';
import { ButtonLink } from '../../components/links.tsx';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';
import { DiffCard } from './diff-card.tsx';
import { FilesCard } from './files-card.tsx';
import { MetadataCard } from './metadata-card.tsx';
import { ServedBy, useServing } from './served-by.tsx';

export function BundlePage() {
  const { appId, bundleId } = useParams({ from: '/inside/apps/$appId/bundles/$bundleId' });
  const bundles = useQuery({
    ...bundlesQuery(appId),
    // Until it is taken apart, which takes seconds.
    refetchInterval: ({ state }) =>
      state.data?.find(({ id }) => id === bundleId)?.manifest_state === 'pending' ? 2_000 : false,
  });
  const serving = useServing(appId);
  const can = useCan();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [isDeleting, deletion] = useDisclosure(false);
  const crumbs = [{ label: 'Bundles', to: `/apps/${appId}/bundles` }];
  const bundle = bundles.data?.find(({ id }) => id === bundleId);

  if (bundles.error) {
    return (
      <Page title="Bundle" crumbs={crumbs}>
        <Failure error={bundles.error} onRetry={() => void bundles.refetch()} />
      </Page>
    );
  }
  if (!bundles.data)
    return (
      <Page title="Bundle" crumbs={crumbs}>
        <LoadingRows />
      </Page>
    );
  if (!bundle) {
    return (
      <Page title="Bundle" crumbs={crumbs}>
        <Nothing icon={IconBoxOff} title="There is no such bundle">
          It may have been deleted.
        </Nothing>
      </Page>
    );
  }
  const blocking = serving.filter((place) => place.bundleId === bundle.id);
  return (
    <Page
      title={bundle.version_name}
      crumbs={crumbs}
      description={bundle.description || undefined}
      actions={
        <>
          <Button
            component="a"
            href={bundle.public_download_url}
            variant="default"
            leftSection={<IconDownload size={16} />}
          >
            Download
          </Button>
          {can('bundles.delete') && (
            <Button color="red" variant="light" leftSection={<IconTrash size={16} />} onClick={deletion.open}>
              Delete
            </Button>
          )}
        </>
      }
    >
      <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: 'start' }}>
        <Stack>
          <Card withBorder>
            <Title order={2} mb="sm">
              Bundle
            </Title>
            <Facts
              facts={[
                ['Id', <Copyable key="id" value={bundle.id} />],
                ['Size', bytes(bundle.size)],
                ['SHA-256', <Copyable key="sha" value={bundle.checksum} />],
                ['CRC-32', <Copyable key="crc" value={bundle.crc_checksum} />],
                ['Uploaded', <When key="at" at={bundle.created_at} />],
                [
                  'Encryption',
                  bundle.session_key === '' ? 'none' : `end to end, key ${bundle.key_id ?? 'unknown'}`,
                ],
              ]}
            />
          </Card>
          <Card withBorder>
            <Title order={2} mb="sm">
              Served by
            </Title>
            <ServedBy bundleId={bundle.id} serving={serving} appId={appId} />
            <ButtonLink
              to="/apps/$appId/devices"
              params={{ appId }}
              search={{ bundle: bundle.version_name }}
              variant="default"
              size="xs"
              mt="sm"
              style={{ alignSelf: 'flex-start' }}
            >
              Devices that run it
            </ButtonLink>
          </Card>
          <MetadataCard bundle={bundle} />
        </Stack>
        <Stack>
          <FilesCard bundle={bundle} />
          <DiffCard bundle={bundle} bundles={bundles.data} />
        </Stack>
      </SimpleGrid>
      <Confirm
        opened={isDeleting}
        onClose={deletion.close}
        title={`Delete bundle ${bundle.version_name}`}
        action="Delete"
        name={bundle.version_name}
        isBlocked={blocking.length > 0}
        run={async () => {
          await deleteBundle(bundle.id);
          await queryClient.invalidateQueries({ queryKey: ['bundles', appId] });
          tellDone(`Bundle ${bundle.version_name} is deleted.`);
          await navigate({ to: '/apps/$appId/bundles', params: { appId } });
        }}
      >
        {blocking.length > 0 ? (
          <>
            <Text size="sm" fw={600}>
              It cannot be deleted while it is in use:
            </Text>
            <List size="sm">
              {blocking.map(({ kind, label }) => (
                <List.Item key={kind + label}>
                  {kind} {label}
                </List.Item>
              ))}
            </List>
          </>
        ) : (
          <>
            Its file is removed, and its version can never be used again in this app. Devices that run it keep
            running it.
          </>
        )}
      </Confirm>
    </Page>
  );
}
