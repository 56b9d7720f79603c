import {
  BundleDiffQuery,
  BundleDiffView,
  type BundleFileView,
  BundleManifestQuery,
  BundleManifestView,
} from '@capgo-server/protocol/management/manifests';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import { brotliSuffix, type ManifestEntry, pathOf } from '../domain/manifest.ts';
import type { Bundles } from '../services/bundles.ts';
import type { Manifests } from '../services/manifests.ts';
import { type Query, requiredRecordId } from './page-query.ts';
import type { ManagementRoute } from './route.ts';
import { requireSeenBundle } from './scope.ts';

/** Absolute URLs of objects on the device API's origin, as seen from a request. */
export type ObjectUrls = (request: FastifyRequest) => (objectKey: string) => string;

function toFileView(entry: ManifestEntry, urlOf: (objectKey: string) => string): BundleFileView {
  return {
    path: pathOf(entry),
    hash: entry.hash,
    size: entry.sizeBytes,
    compression: entry.fileName.endsWith(brotliSuffix) ? 'br' : null,
    download_url: urlOf(entry.objectKey),
  };
}

export interface ManifestRoutesDeps {
  readonly bundles: Pick<Bundles, 'find'>;
  readonly manifests: Manifests;
  readonly objectUrls: ObjectUrls;
}

function createHandlers({ bundles, manifests, objectUrls }: ManifestRoutesDeps) {
  /** The id, of a bundle that the caller may see. */
  async function seen(id: string, caller: Caller): Promise<string> {
    await requireSeenBundle(bundles, caller, id);
    return id;
  }

  return {
    async manifest(
      request: FastifyRequest,
      _reply: FastifyReply,
      caller: Caller,
    ): Promise<BundleManifestView> {
      const urlOf = objectUrls(request);
      const { bundle, entries } = await manifests.get(
        await seen(requiredRecordId(request.query as Query, 'bundle_id'), caller),
      );
      return {
        bundle_id: bundle.id,
        app_id: bundle.appId,
        version_name: bundle.versionName,
        manifest_state: bundle.manifest.state,
        manifest_reason: bundle.manifest.reason,
        total_size: entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        files: entries.map((entry) => toFileView(entry, urlOf)),
      };
    },

    async diff(request: FastifyRequest, _reply: FastifyReply, caller: Caller): Promise<BundleDiffView> {
      const urlOf = objectUrls(request);
      // Both are read before either is looked up: what is missing is said, whatever the other one is.
      const query = request.query as Query;
      const [fromId, toId] = [requiredRecordId(query, 'from'), requiredRecordId(query, 'to')];
      const difference = await manifests.compare(await seen(fromId, caller), await seen(toId, caller));
      const { from, to, added, changed, removed, zipBytes, deltaBytes } = difference;
      const view = (entry: ManifestEntry) => toFileView(entry, urlOf);
      return {
        from: { id: from.id, version_name: from.versionName },
        to: { id: to.id, version_name: to.versionName },
        added: added.map(view),
        changed: changed.map(({ path, before, after }) => ({ path, from: view(before), to: view(after) })),
        removed: removed.map(view),
        zip_bytes: zipBytes,
        delta_bytes: deltaBytes,
      };
    },
  };
}

export function manifestRoutes(deps: ManifestRoutesDeps): readonly ManagementRoute[] {
  const handlers = createHandlers(deps);
  return [
    {
      ...{ method: 'GET', url: '/api/v1/bundles.manifest', permission: 'bundles.read' },
      handler: handlers.manifest,
      docs: {
        ...{ operationId: 'bundlesManifest', tag: 'bundles', summary: 'The files of a bundle' },
        ...{ query: BundleManifestQuery, answer: BundleManifestView },
      },
    },
    {
      ...{ method: 'GET', url: '/api/v1/bundles.diff', permission: 'bundles.read' },
      handler: handlers.diff,
      docs: {
        ...{ operationId: 'bundlesDiff', tag: 'bundles', summary: 'What changed between two bundles' },
        ...{ query: BundleDiffQuery, answer: BundleDiffView },
      },
    },
  ];
}
