import type { BundleView } from '@capgo-server/protocol/management/bundles';
import { Anchor, Badge, Button, Group, Modal, Paper, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconBox, IconSearch, IconUpload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import { useCan } from '../../api/session.ts';
import { bytes, counted } from '../../components/amounts.ts';
import { Copyable } from '../../components/copy.tsx';
import { Page } from '../../components/page.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';
import { manifestColors, manifestInWords } from './manifest-words.ts';
import { ServedBy, useServing } from './served-by.tsx';
import { UploadForm } from './upload-form.tsx';

const shownAtOnce = 200;

function matches(bundle: BundleView, words: string): boolean {
  const text = `${bundle.version_name} ${bundle.description} ${bundle.checksum} ${bundle.id} ${bundle.comment ?? ''}`;
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.toLowerCase().includes(word));
}

export function BundlesPage() {
  const { appId } = useParams({ from: '/inside/apps/$appId/bundles' });
  const bundles = useQuery({
    ...bundlesQuery(appId),
    // The server is taking some apart.
    refetchInterval: ({ state }) =>
      state.data?.some(({ manifest_state }) => manifest_state === 'pending') ? 3_000 : false,
  });
  const serving = useServing(appId);
  const can = useCan();
  const [isUploading, upload] = useDisclosure(false);
  const [words, setWords] = useState('');
  const [limit, setLimit] = useState(shownAtOnce);
  const found = useMemo(
    () => (bundles.data ?? []).filter((bundle) => matches(bundle, words)),
    [bundles.data, words],
  );
  const uploadButton = can('bundles.upload') && (
    <Button leftSection={<IconUpload size={16} />} onClick={upload.open}>
      Upload a bundle
    </Button>
  );

  return (
    <Page
      title="Bundles"
      description="Versions of the web app. A bundle never changes, and its version is never used again."
      actions={uploadButton}
    >
      {bundles.error ? (
        <Failure error={bundles.error} onRetry={() => void bundles.refetch()} />
      ) : !bundles.data ? (
        <LoadingRows />
      ) : bundles.data.length === 0 ? (
        <Nothing icon={IconBox} title="No bundle yet" action={uploadButton}>
          Build your web app and upload the folder, or the zip that <code>npx @capgo/cli bundle zip</code>{' '}
          makes.
        </Nothing>
      ) : (
        <Stack gap="sm">
          <Group justify="space-between">
            <TextInput
              leftSection={<IconSearch size={16} />}
              placeholder="Version, description, checksum"
              aria-label="Search bundles"
              value={words}
              onChange={(event) => setWords(event.currentTarget.value)}
              w={{ base: '100%', xs: 320 }}
            />
            <Text size="sm" c="dimmed" role="status">
              {counted(found.length, 'bundle')}
            </Text>
          </Group>
          <Paper withBorder>
            <ScrollTable label="Bundles" minWidth={760} spacing="sm">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Version</Table.Th>
                  <Table.Th>Served by</Table.Th>
                  <Table.Th>Size</Table.Th>
                  <Table.Th>Checksum</Table.Th>
                  <Table.Th>Uploaded</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {found.slice(0, limit).map((bundle) => (
                  <Table.Tr key={bundle.id}>
                    <Table.Td>
                      <Group gap="xs">
                        <Anchor component={Link} to={`/apps/${appId}/bundles/${bundle.id}`} fw={600}>
                          {bundle.version_name}
                        </Anchor>
                        {bundle.session_key !== '' && (
                          <Badge size="sm" variant="light" color="violet">
                            encrypted
                          </Badge>
                        )}
                        <Badge
                          size="sm"
                          variant="light"
                          tt="none"
                          color={manifestColors[bundle.manifest_state]}
                          title={manifestInWords(bundle)}
                        >
                          manifest {bundle.manifest_state}
                        </Badge>
                      </Group>
                      {bundle.description && (
                        <Text size="xs" c="dimmed" lineClamp={1}>
                          {bundle.description}
                        </Text>
                      )}
                    </Table.Td>
                    <Table.Td>
                      <ServedBy bundleId={bundle.id} serving={serving} appId={appId} />
                    </Table.Td>
                    <Table.Td style={{ whiteSpace: 'nowrap' }}>{bytes(bundle.size)}</Table.Td>
                    <Table.Td>
                      <Copyable
                        value={bundle.checksum}
                        shown={`${bundle.checksum.slice(0, 10)}…`}
                        label="Copy the checksum"
                      />
                    </Table.Td>
                    <Table.Td>
                      <When at={bundle.created_at} isAgo />
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </ScrollTable>
            {found.length === 0 && (
              <Text p="lg" ta="center" c="dimmed">
                No bundle matches “{words}”.
              </Text>
            )}
          </Paper>
          {found.length > limit && (
            <Button variant="default" onClick={() => setLimit(limit + shownAtOnce)}>
              Show more
            </Button>
          )}
        </Stack>
      )}
      <Modal
        opened={isUploading}
        onClose={upload.close}
        title="Upload a bundle"
        size="lg"
        closeOnClickOutside={false}
      >
        <UploadForm
          appId={appId}
          onDone={(bundle) => {
            upload.close();
            tellDone(
              `Bundle ${bundle.version_name} is uploaded. No device gets it before a channel or release serves it.`,
            );
          }}
        />
      </Modal>
    </Page>
  );
}
