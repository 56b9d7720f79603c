import type { BundleView } from '@capgo-server/protocol/management/bundles';
import type { BundleDiffView, BundleManifestView } from '@capgo-server/protocol/management/manifests';
import type { RestBundle } from '@capgo-server/protocol/management/rest-bundles';
import { queryOptions } from '@tanstack/react-query';
import { api, listAll, rest, upload } from './client.ts';

export const bundlesQuery = (appId: string) =>
  queryOptions({
    queryKey: ['bundles', appId],
    queryFn: ({ signal }) => listAll<BundleView>('bundles.list', { app_id: appId }, signal),
  });

export interface BundleUpload {
  readonly appId: string;
  readonly versionName: string;
  readonly file: Blob;
  readonly fileName: string;
  readonly description?: string;
  readonly checksum?: string;
  readonly sessionKey?: string;
  readonly keyId?: string;
  readonly minUpdateVersion?: string;
  readonly link?: string;
  readonly comment?: string;
}

export async function uploadBundle(
  bundle: BundleUpload,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<BundleView> {
  const form = new FormData();
  const fields = {
    app_id: bundle.appId,
    version_name: bundle.versionName,
    description: bundle.description,
    checksum: bundle.checksum,
    session_key: bundle.sessionKey,
    key_id: bundle.keyId,
    min_update_version: bundle.minUpdateVersion,
    link: bundle.link,
    comment: bundle.comment,
  };
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  form.append('bundle', bundle.file, bundle.fileName);
  const answer = await upload<{ bundle: BundleView }>('bundles.upload', form, onProgress, signal);
  return answer.bundle;
}

export function deleteBundle(id: string): Promise<unknown> {
  return api.post('bundles.delete', { bundle_id: id });
}

/** Neither it nor a comparison ever changes: bundles do not. */
const forEver = Number.POSITIVE_INFINITY;

export const manifestQuery = (bundleId: string) =>
  queryOptions({
    queryKey: ['manifest', bundleId],
    queryFn: ({ signal }) => api.get<BundleManifestView>('bundles.manifest', { bundle_id: bundleId }, signal),
    staleTime: forEver,
  });

export const diffQuery = (from: string, to: string) =>
  queryOptions({
    queryKey: ['diff', from, to],
    queryFn: ({ signal }) => api.get<BundleDiffView>('bundles.diff', { from, to }, signal),
    staleTime: forEver,
  });

const restRowsAPage = 50;

/** The number by which the REST API knows a bundle. */
async function numberOf({ app_id, version_name }: BundleView): Promise<number> {
  for (let page = 0; ; page += 1) {
    const rows = await rest.get<readonly RestBundle[]>('/bundle', { app_id, page });
    const found = rows.find(({ name }) => name === version_name);
    if (found) return found.id;
    if (rows.length < restRowsAPage) throw new Error('The bundle is not there any more');
  }
}

/** Sets what is said of a bundle; an empty text takes it away. */
export async function changeMetadata(
  bundle: BundleView,
  metadata: Readonly<Record<'min_update_version' | 'link' | 'comment', string>>,
): Promise<void> {
  const version_id = await numberOf(bundle);
  await rest.send('POST', '/bundle/metadata', { app_id: bundle.app_id, version_id, ...metadata });
}
