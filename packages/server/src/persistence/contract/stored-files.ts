import type { Bundle } from '../../domain/bundle.ts';
import type { StoredFile } from '../../domain/manifest.ts';
import type { Store } from '../../ports/store.ts';
import { buildBundle, buildEntry, someAuthor, someTimeMs } from '../../testing/builders.ts';

const pending: Pick<Bundle, 'manifest'> = { manifest: { state: 'pending', reason: null } };
const hourMs = 60 * 60 * 1_000;

/** A bundle that wants a manifest. */
export async function insertPending(
  store: Store,
  appId: string,
  given: Partial<Bundle> = {},
): Promise<Bundle> {
  const bundle = buildBundle({ appId, ...pending, ...given });
  await store.insertBundle(bundle, someAuthor);
  return bundle;
}

/** Adds files as somebody does who has stored their objects. */
export async function add(store: Store, files: readonly StoredFile[], nowMs = someTimeMs) {
  await store.planObjectDeletions(
    files.map(({ objectKey }) => objectKey),
    nowMs + hourMs,
  );
  return store.addFiles(files, nowMs);
}

export async function isPlanned(store: Store, { objectKey }: StoredFile): Promise<boolean> {
  return (await store.listDueObjectDeletions(someTimeMs * 2, 100_000)).includes(objectKey);
}

export const fileIdsOf = (files: readonly StoredFile[]) => files.map(({ id }) => id).toSorted();
export const namesOf = (files: readonly StoredFile[]) => files.map(({ name }) => name);
export const entriesFor = (files: readonly StoredFile[]) => files.map((file) => buildEntry(file));
/** When everything that is unused is out of use for long. */
export const farAwayMs = someTimeMs + 1_000 * hourMs;
