import type { BundleView } from '@capgo-server/protocol/management/bundles';
import { Badge, Button, Card, Group, Select, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { diffQuery } from '../../api/bundles.ts';
import { bytes, count, counted, share } from '../../components/amounts.ts';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { changesOf } from './changes.ts';

const shownFirst = 50;
const colors = { added: 'teal', changed: 'blue', removed: 'gray' } as const;

function Difference({ from, to }: { readonly from: string; readonly to: string }) {
  const diff = useQuery(diffQuery(from, to));
  const [isWhole, setWhole] = useState(false);
  if (diff.error) return <Failure error={diff.error} onRetry={() => void diff.refetch()} />;
  if (!diff.data) return <LoadingRows rows={3} />;
  const { zip_bytes: zip, delta_bytes: delta, ...difference } = diff.data;
  const changes = changesOf(difference);
  const shown = isWhole ? changes : changes.slice(0, shownFirst);
  return (
    <Stack gap="sm">
      <SimpleGrid cols={2}>
        <div>
          <Text size="xs" c="dimmed">
            Downloads, changed files only
          </Text>
          <Text fz={22} fw={700} data-testid="delta-bytes">
            {bytes(delta)}
          </Text>
          <Text size="xs" c="dimmed">
            {share(delta, zip)} of the zip
          </Text>
        </div>
        <div>
          <Text size="xs" c="dimmed">
            Downloads the whole zip
          </Text>
          <Text fz={22} fw={700}>
            {bytes(zip)}
          </Text>
        </div>
      </SimpleGrid>
      <Text size="sm" role="status">
        {counted(difference.added.length, 'file')} added, {count(difference.changed.length)} changed,{' '}
        {count(difference.removed.length)} removed
      </Text>
      {changes.length > 0 && (
        <ScrollTable label="Changed files" minWidth={250}>
          <Table.Tbody>
            {shown.map(({ kind, path, size }) => (
              <Table.Tr key={path}>
                <Table.Td w={90}>
                  <Badge size="sm" variant="light" color={colors[kind]} tt="none">
                    {kind}
                  </Badge>
                </Table.Td>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{path}</Table.Td>
                <Table.Td ta="right" style={{ whiteSpace: 'nowrap' }}>
                  {size === undefined ? '–' : bytes(size)}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ScrollTable>
      )}
      {changes.length > shown.length && (
        <Group>
          <Button variant="default" size="xs" onClick={() => setWhole(true)}>
            Show all {count(changes.length)}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

/** What a device that runs another bundle downloads to get this one. */
export function DiffCard({
  bundle,
  bundles,
}: {
  readonly bundle: BundleView;
  readonly bundles: readonly BundleView[];
}) {
  const others = bundles.filter(({ id, manifest_state }) => id !== bundle.id && manifest_state === 'ready');
  // The one before it is what most devices have.
  const [chosen, setChosen] = useState<string>();
  const before = others.find(({ created_at }) => created_at <= bundle.created_at);
  const from = chosen ?? before?.id ?? others.at(-1)?.id;
  return (
    <Card withBorder component="section" aria-label="Difference">
      <Title order={2} mb={4}>
        Difference
      </Title>
      {bundle.manifest_state !== 'ready' || from === undefined ? (
        <Text size="sm" c="dimmed">
          {bundle.manifest_state === 'ready'
            ? 'There is no other bundle with a list of files to compare it with.'
            : 'Bundles can be compared once both have their list of files.'}
        </Text>
      ) : (
        <Stack gap="sm">
          <Select
            label="For a device that has"
            searchable
            allowDeselect={false}
            value={from}
            onChange={(value) => value && setChosen(value)}
            data={others.map(({ id, version_name }) => ({ value: id, label: version_name }))}
            nothingFoundMessage="No such bundle"
          />
          <Difference from={from} to={bundle.id} />
        </Stack>
      )}
    </Card>
  );
}
