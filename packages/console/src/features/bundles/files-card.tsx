import type { BundleView } from '@capgo-server/protocol/management/bundles';
import { Badge, Card, Group, Loader, Text, Title, Tree, type TreeNodeData } from '@mantine/core';
import { IconChevronRight, IconFile, IconFolder } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { manifestQuery } from '../../api/bundles.ts';
import { bytes, counted } from '../../components/amounts.ts';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { type FileNode, fileTree } from './file-tree.ts';
import { manifestColors, manifestInWords } from './manifest-words.ts';

function toTreeNodes(nodes: readonly FileNode[]): TreeNodeData[] {
  return nodes.map(({ path, name, size, files, children }) => ({
    value: path,
    label: name,
    nodeProps: { size, files },
    ...(children ? { children: toTreeNodes(children) } : {}),
  }));
}

/** The files of a bundle, as devices get them one by one. */
export function FilesCard({ bundle }: { readonly bundle: BundleView }) {
  const isReady = bundle.manifest_state === 'ready';
  const manifest = useQuery({ ...manifestQuery(bundle.id), enabled: isReady });
  const nodes = useMemo(() => toTreeNodes(fileTree(manifest.data?.files ?? [])), [manifest.data]);
  return (
    <Card withBorder component="section" aria-label="Files">
      <Group justify="space-between" mb={4}>
        <Title order={2}>Files</Title>
        <Badge
          variant="light"
          tt="none"
          color={manifestColors[bundle.manifest_state]}
          leftSection={bundle.manifest_state === 'pending' ? <Loader size={10} /> : undefined}
          data-testid="manifest-state"
        >
          manifest {bundle.manifest_state}
        </Badge>
      </Group>
      <Text size="sm" c="dimmed" mb="sm" role="status">
        {manifestInWords(bundle)}
      </Text>
      {!isReady ? null : manifest.error ? (
        <Failure error={manifest.error} onRetry={() => void manifest.refetch()} />
      ) : !manifest.data ? (
        <LoadingRows rows={4} />
      ) : (
        <>
          <Text size="sm" mb="xs">
            {counted(manifest.data.files.length, 'file')}, {bytes(manifest.data.total_size)} over the wire for
            a device that has none of them
          </Text>
          <Tree
            data={nodes}
            levelOffset="md"
            aria-label="Files of the bundle"
            renderNode={({ node, expanded, hasChildren, elementProps }) => (
              <Group {...elementProps} gap={6} wrap="nowrap" py={3}>
                <IconChevronRight
                  size={14}
                  aria-hidden
                  style={{
                    flex: 'none',
                    visibility: hasChildren ? 'visible' : 'hidden',
                    transform: expanded ? 'rotate(90deg)' : undefined,
                  }}
                />
                {hasChildren ? (
                  <IconFolder size={16} stroke={1.6} aria-hidden style={{ flex: 'none' }} />
                ) : (
                  <IconFile size={16} stroke={1.6} aria-hidden style={{ flex: 'none' }} />
                )}
                <Text span size="sm" style={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
                  {node.label}
                </Text>
                {hasChildren && (
                  <Text span size="xs" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
                    {counted(Number(node.nodeProps?.['files']), 'file')}
                  </Text>
                )}
                <Text span size="xs" c="dimmed" w={72} ta="right" style={{ whiteSpace: 'nowrap' }}>
                  {bytes(Number(node.nodeProps?.['size']))}
                </Text>
              </Group>
            )}
          />
        </>
      )}
    </Card>
  );
}
