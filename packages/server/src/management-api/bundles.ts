import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  BundleDeleteAnswer,
  BundleDeleteBody,
  BundleList,
  BundleUploadAnswer,
  BundleUploadForm,
  type BundleView,
  bundleUploadFields,
} from '@capgo-server/protocol/management/bundles';
import { ListQuery } from '@capgo-server/protocol/management/pages';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import { actorOf } from '../domain/actor.ts';
import type { Bundle } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import type { Bundles } from '../services/bundles.ts';
import { readBundleForm } from './bundle-form.ts';
import {
  appIdParameter,
  defaultRecordRows,
  listAnswer,
  pageParameters,
  type Query,
  recordId,
} from './page-query.ts';
import { parseBody } from './parse-body.ts';
import type { ManagementRoute } from './route.ts';
import { appsAsSeen, requireSeen, requireSeenBundle } from './scope.ts';

/**
 * Absolute URLs of bundles' zips, on the device API's origin as seen from a request. Rejects with `invalid_request` when
 * the request does not tell it.
 */
export type BundleUrls = (request: FastifyRequest) => (bundle: Bundle) => string;

function toView(bundle: Bundle, downloadUrl: string): BundleView {
  return {
    id: bundle.id,
    app_id: bundle.appId,
    version_name: bundle.versionName,
    description: bundle.description,
    crc_checksum: bundle.crcChecksum,
    checksum: bundle.checksum,
    size: bundle.sizeBytes,
    session_key: bundle.sessionKey,
    key_id: bundle.keyId,
    min_update_version: bundle.minUpdateVersion,
    link: bundle.link,
    comment: bundle.comment,
    manifest_state: bundle.manifest.state,
    manifest_reason: bundle.manifest.reason,
    public_download_url: downloadUrl,
    created_at: formatTimestamp(bundle.createdAtMs),
  };
}

export interface BundleRoutesDeps {
  readonly bundles: Bundles;
  readonly bundleUrls: BundleUrls;
}

function createHandlers(deps: BundleRoutesDeps) {
  const { bundles, bundleUrls } = deps;

  return {
    /** Before the body is read: what is not a form would be read as something else. */
    requireForm(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) {
      if (/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) return done();
      done(
        new AppError(
          'unsupported_media_type',
          'Send multipart/form-data with the file bundle, app_id and version_name',
        ),
      );
    },

    async list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const query = request.query as Query;
      const urlOf = bundleUrls(request);
      const page = await bundles.list(
        appsAsSeen(caller, appIdParameter(query)),
        pageParameters(query, defaultRecordRows),
      );
      return listAnswer(page, (bundle) => toView(bundle, urlOf(bundle)));
    },

    async upload(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      // Before anything is kept: an upload that cannot be answered must not have happened.
      const urlOf = bundleUrls(request);
      const { fields, staged } = await readBundleForm(request, bundles, bundleUploadFields);
      try {
        requireSeen(caller, fields.app_id ?? '');
        const facts = {
          appId: fields.app_id ?? '',
          versionName: fields.version_name ?? '',
          description: fields.description ?? '',
          sessionKey: fields.session_key ?? '',
          checksum: fields.checksum ?? '',
          keyId: fields.key_id ?? '',
          minUpdateVersion: fields.min_update_version ?? '',
          link: fields.link ?? '',
          comment: fields.comment ?? '',
        };
        const bundle = await staged.create(facts, actorOf(caller));
        return {
          message: 'Bundle uploaded successfully',
          bundle: toView(bundle, urlOf(bundle)),
        };
      } finally {
        await staged.discard();
      }
    },

    async delete(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const id = recordId(parseBody(BundleDeleteBody, request.body).bundle_id, 'bundle_id');
      await requireSeenBundle(bundles, caller, id);
      await bundles.delete(id, actorOf(caller));
      return { message: 'Bundle deleted successfully' };
    },
  };
}

export function bundleRoutes(deps: BundleRoutesDeps): readonly ManagementRoute[] {
  const bundles = createHandlers(deps);
  return [
    {
      ...{ method: 'GET', url: '/api/v1/bundles.list', permission: 'bundles.read', handler: bundles.list },
      docs: {
        ...{ operationId: 'bundlesList', tag: 'bundles', summary: 'Bundles, newest first' },
        ...{ query: ListQuery, answer: BundleList },
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/bundles.upload', permission: 'bundles.upload' },
      ...{ handler: bundles.upload, beforeBody: bundles.requireForm },
      docs: {
        ...{ operationId: 'bundlesUpload', tag: 'bundles', summary: 'Upload a bundle as a zip' },
        ...{ body: BundleUploadForm, bodyType: 'multipart/form-data', answer: BundleUploadAnswer },
        errors: [
          'invalid_bundle',
          'unsupported_media_type',
          'version_already_exists',
          'insufficient_storage',
        ],
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/bundles.delete', permission: 'bundles.delete' },
      handler: bundles.delete,
      docs: {
        ...{ operationId: 'bundlesDelete', tag: 'bundles', summary: 'Delete a bundle that nothing serves' },
        ...{ body: BundleDeleteBody, answer: BundleDeleteAnswer },
        errors: ['bundle_not_found', 'bundle_in_use'],
      },
    },
  ];
}
