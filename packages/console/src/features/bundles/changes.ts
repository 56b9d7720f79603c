import type { BundleDiffView } from '@capgo-server/protocol/management/manifests';

export interface FileChange {
  readonly kind: 'added' | 'changed' | 'removed';
  readonly path: string;
  /** Bytes over the wire; undefined of what is not downloaded. */
  readonly size: number | undefined;
}

/** Every file that is different, by its path. */
export function changesOf({
  added,
  changed,
  removed,
}: Pick<BundleDiffView, 'added' | 'changed' | 'removed'>): readonly FileChange[] {
  const changes: readonly FileChange[] = [
    ...added.map(({ path, size }) => ({ kind: 'added' as const, path, size })),
    ...changed.map(({ path, to }) => ({ kind: 'changed' as const, path, size: to.size })),
    ...removed.map(({ path }) => ({ kind: 'removed' as const, path, size: undefined })),
  ];
  return changes.toSorted((one, other) => (one.path < other.path ? -1 : 1));
}
