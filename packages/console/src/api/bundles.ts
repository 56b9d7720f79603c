import type { BundleView } from '@capgo-server/protocol/management/bundles';
import { queryOptions } from '@tanstack/react-query';
import { api, listAll, upload } from './client.ts';

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
