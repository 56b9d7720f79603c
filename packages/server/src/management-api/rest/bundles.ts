import { isVersionName } from '@capgo-server/protocol/formats/semver';
import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { RestMessage, RestStatus } from '@capgo-server/protocol/management/rest-answers';
import {
  type RestBundle,
  RestBundleCreateBody,
  RestBundleCreated,
  RestBundleDeleteBody,
  RestBundleList,
  RestBundleListQuery,
  RestBundleMade,
  RestBundleMetadataBody,
  RestBundle as RestBundleSchema,
  RestBundleSetBody,
  restBundleFields,
} from '@capgo-server/protocol/management/rest-bundles';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Caller, seesApp } from '../../domain/access.ts';
import { actorOf } from '../../domain/actor.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import type { BundleRecord } from '../../ports/bundle-records.ts';
import type { Apps } from '../../services/apps.ts';
import type { BundleFacts } from '../../services/bundle-facts.ts';
import type { Bundles } from '../../services/bundles.ts';
import type { Channels } from '../../services/channels.ts';
import type { ExternalBundles } from '../../services/external-bundles.ts';
import { readBundleForm } from '../bundle-form.ts';
import type { ManagementRoute } from '../route.ts';
import { isHosted, RestError } from './rest-error.ts';
import {
  appIdField,
  cannotAccessApp,
  pageOffset,
  recordNumber,
  requireApp,
  restPageRows,
  textField,
} from './rest-fields.ts';
import { bodyOrQueryInput, queryInput, type RestInput } from './rest-input.ts';
import { bundleNotFound, channelNotFound, inWords, refusals } from './restated.ts';

export interface RestBundleRoutesDeps {
  readonly apps: Apps;
  readonly bundles: Bundles;
  readonly externalBundles: ExternalBundles;
  readonly channels: Channels;
}

/** The refusals that the bundle itself can bring, in the words of that API. */
const bundleWords = {
  invalid_request: { code: 'invalid_body' },
  semver_error: { code: 'invalid_version_format', documentedText: 'Invalid version format' },
} as const;

export function restBundleRoutes(deps: RestBundleRoutesDeps): readonly ManagementRoute[] {
  const { apps, bundles, externalBundles, channels } = deps;

  function toRow(record: BundleRecord, ownerId: string, request: FastifyRequest): RestBundle {
    const row = {
      id: record.number,
      app_id: record.appId,
      name: record.versionName,
      created_at: formatTimestamp(record.createdAtMs),
      updated_at: formatTimestamp(record.updatedAtMs),
      ...{ deleted: false, deleted_at: null },
      checksum: record.checksum === '' ? null : record.checksum,
      session_key: record.sessionKey === '' ? null : record.sessionKey,
      key_id: record.keyId,
      storage_provider: record.objectKey === null ? ('external' as const) : ('r2' as const),
      r2_path: record.objectKey,
      external_url: record.externalUrl,
      min_update_version: record.minUpdateVersion,
      ...{ link: record.link, comment: record.comment },
      ...{ manifest: null, manifest_count: record.fileCount, native_packages: null, cli_version: null },
      ...{ owner_org: ownerId, user_id: null, created_by_apikey_rbac_id: null },
    };
    return isHosted(request) ? row : { ...row, bucket_id: null, minUpdateVersion: record.minUpdateVersion };
  }

  const ownerOf = async (appId: string) => (await apps.find(appId))?.organizationId ?? defaultOrganizationId;

  /** What a request says of a new bundle, checked as far as that API knows words for it. */
  function factsOf(input: RestInput): BundleFacts {
    const text = (name: string) => textField(input, name) ?? '';
    return {
      ...{ appId: text('app_id'), versionName: text('version'), description: '' },
      ...{ checksum: text('checksum'), sessionKey: text('session_key'), keyId: text('key_id') },
      ...{ minUpdateVersion: text('min_update_version'), link: text('link'), comment: text('comment') },
    };
  }

  function checkVersion(versionName: string): void {
    if (isVersionName(versionName)) return;
    throw new RestError(
      'invalid_version_format',
      'Invalid version format: it must be a semantic version such as 1.2.3, without a leading v',
      { documentedText: 'Invalid version format', details: { version: versionName.slice(0, 256) } },
    );
  }

  function requireVisible(caller: Caller, appId: string): void {
    // Whether there is such an app makes no difference: its first bundle registers it.
    if (!seesApp(caller, appId)) throw new RestError('cannot_create_bundle', "You can't access this app");
  }

  /** A version name that is taken, in the two ways there are. */
  async function created<Made>(
    { appId, versionName }: BundleFacts,
    make: () => Promise<Made>,
  ): Promise<Made> {
    const [live] = await bundles.findRecords(appId, { versionNames: [versionName] });
    return inWords(
      {
        ...bundleWords,
        version_already_exists: { code: live ? 'version_already_exists' : 'cannot_create_bundle' },
      },
      make,
    );
  }

  async function createdAnswer(id: string, appId: string, request: FastifyRequest) {
    if (!isHosted(request)) return { status: 'ok' };
    const [record] = await bundles.findRecords(appId, { ids: [id] });
    const ownerId = await ownerOf(appId);
    return { status: 'success', ...(record ? { bundle: toRow(record, ownerId, request) } : {}) };
  }

  async function upload(request: FastifyRequest, caller: Caller) {
    const { fields, staged } = await readBundleForm(request, bundles, restBundleFields);
    try {
      const facts = factsOf(fields);
      appIdField(fields);
      if (facts.versionName === '') throw new RestError('missing_version', 'Missing version');
      checkVersion(facts.versionName);
      requireVisible(caller, facts.appId);
      const { id, appId } = await created(facts, () => staged.create(facts, actorOf(caller)));
      return await createdAnswer(id, appId, request);
    } finally {
      await staged.discard();
    }
  }

  async function register(request: FastifyRequest, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const facts = { ...factsOf(input), appId: appIdField(input) };
    const externalUrl = textField(input, 'external_url') ?? '';
    if (facts.versionName === '') throw new RestError('missing_version', 'Missing version');
    if (externalUrl === '') throw new RestError('missing_external_url', 'Missing external_url');
    if (facts.checksum === '') throw new RestError('missing_checksum', 'Missing checksum');
    checkVersion(facts.versionName);
    requireVisible(caller, facts.appId);
    if (!externalUrl.startsWith('https://')) {
      throw new RestError('invalid_protocol', 'external_url must start with https://');
    }
    const { id, appId } = await created(facts, () =>
      externalBundles.register(facts, externalUrl, actorOf(caller)),
    );
    return createdAnswer(id, appId, request);
  }

  async function list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const appId = appIdField(input);
    await requireApp(
      ...([apps, caller, appId] as const),
      () => new RestError('cannot_get_bundle', "You can't access this app", { details: { app_id: appId } }),
    );
    const records = await bundles.listRecords(appId, { offset: pageOffset(input), limit: restPageRows });
    const ownerId = await ownerOf(appId);
    const rows = records.map((record) => toRow(record, ownerId, request));
    return isHosted(request) ? rows : { data: rows };
  }

  async function remove(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const appId = appIdField(input);
    await requireApp(
      ...([apps, caller, appId] as const),
      () =>
        new RestError('cannot_delete_bundle', "You can't access this app", { details: { app_id: appId } }),
    );
    const versionName = textField(input, 'version');
    if (input['version'] !== undefined && !versionName) {
      // A script whose variable is empty means one bundle, and must not delete all of them for ever.
      throw new RestError('missing_version', 'version is empty: name a bundle, or leave it out for all');
    }
    if (versionName === undefined) {
      await bundles.deleteUnused(appId, { createdUntilMs: null, exceptIds: [] }, actorOf(caller));
      return { status: 'ok' };
    }
    const gone = {
      code: 'cannot_delete_version',
      message: 'Cannot delete version',
      documentedText: bundleNotFound,
    };
    const [record] = await bundles.findRecords(appId, { versionNames: [versionName] });
    if (!record) throw new RestError(gone.code, gone.message, { documentedText: bundleNotFound });
    await inWords({ bundle_not_found: gone }, () => bundles.delete(record.id, actorOf(caller)));
    return { status: 'ok' };
  }

  async function changeMetadata(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const appId = textField(input, 'app_id') ?? '';
    if (appId === '' || input['version_id'] === undefined) {
      throw new RestError('missing_required_fields', 'Missing app_id or version_id');
    }
    appIdField(input);
    await requireApp(
      ...([apps, caller, appId] as const),
      () => new RestError('cannot_update_bundle_metadata', "You can't access this app"),
    );
    const number = recordNumber(input, 'version_id');
    const [record] = number === undefined ? [] : await bundles.findRecords(appId, { numbers: [number] });
    const notFound = {
      code: 'cannot_find_version',
      message: 'Cannot find version',
      documentedText: bundleNotFound,
    };
    if (!record) throw new RestError(notFound.code, notFound.message, { documentedText: bundleNotFound });
    const link = textField(input, 'link');
    const comment = textField(input, 'comment');
    const minUpdateVersion = textField(input, 'min_update_version');
    if (link === undefined && comment === undefined && minUpdateVersion === undefined) {
      throw new RestError('no_fields_to_update', 'No fields to update');
    }
    await inWords(
      { invalid_request: { code: 'cannot_update_version_metadata' }, bundle_not_found: notFound },
      () =>
        bundles.change(
          record.id,
          {
            ...(link === undefined ? {} : { link }),
            ...(comment === undefined ? {} : { comment }),
            ...(minUpdateVersion === undefined ? {} : { minUpdateVersion }),
          },
          actorOf(caller),
        ),
    );
    return { status: isHosted(request) ? 'ok' : 'success' };
  }

  async function setToChannel(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const appId = textField(input, 'app_id') ?? '';
    if (appId === '' || input['version_id'] === undefined || input['channel_id'] === undefined) {
      throw new RestError('missing_required_fields', 'Missing app_id, version_id or channel_id');
    }
    appIdField(input);
    await requireApp(apps, caller, appId, () => cannotAccessApp(appId));
    const versionNumber = recordNumber(input, 'version_id');
    const channelId = recordNumber(input, 'channel_id');
    const [record] =
      versionNumber === undefined ? [] : await bundles.findRecords(appId, { numbers: [versionNumber] });
    if (!record) {
      throw new RestError('cannot_find_version', 'Cannot find version', { documentedText: bundleNotFound });
    }
    const channel = (await channels.list(appId)).find(({ id }) => id === channelId);
    if (!channel) {
      throw new RestError('cannot_find_channel', 'Cannot find channel', { documentedText: channelNotFound });
    }
    await inWords(
      {
        bundle_not_found: { code: 'cannot_find_version', documentedText: bundleNotFound },
        channel_not_found: { code: 'cannot_find_channel', documentedText: channelNotFound },
      },
      () => channels.setBundle(channel.id, record.id, actorOf(caller)),
    );
    return {
      status: 'success',
      message: `Bundle ${record.versionName} set to channel ${channel.name}`,
    };
  }

  const tag = 'bundles';
  return [
    {
      ...{ method: 'GET', url: '/bundle', permission: 'bundles.read', handler: list },
      docs: {
        ...{ operationId: 'listBundles', tag, summary: 'Bundles of an app, newest first' },
        description: 'A page past the last one is empty.',
        ...{ query: RestBundleListQuery, answer: RestBundleList, hostedAnswer: Type.Array(RestBundleSchema) },
        errors: refusals('missing_app_id', 'invalid_app_id', 'cannot_get_bundle', 'invalid_page'),
      },
    },
    {
      ...{ method: 'POST', url: '/bundle', permission: 'bundles.upload' },
      handler: (request, _reply, caller) =>
        request.isMultipart() ? upload(request, caller) : register(request, caller),
      docs: {
        ...{ operationId: 'createBundle', tag, summary: 'Register a zip that lies elsewhere, or upload one' },
        description:
          'The zip behind external_url is fetched and checked as an upload: its SHA-256 must be the checksum, and devices must be able to unpack it. Of an encrypted bundle only that it can be fetched. The URL must be public; a version name is never reused.',
        ...{ body: RestBundleCreateBody, answer: RestBundleCreated, hostedAnswer: RestBundleMade },
        errors: [
          ...refusals(
            ...['missing_app_id', 'invalid_app_id', 'missing_version', 'missing_external_url'],
            ...['missing_checksum', 'invalid_version_format', 'invalid_protocol', 'cannot_create_bundle'],
            'version_already_exists',
          ),
          ...(['invalid_bundle', 'payload_too_large', 'url_not_allowed', 'url_unreachable'] as const),
        ],
      },
    },
    {
      ...{ method: 'DELETE', url: '/bundle', permission: 'bundles.delete', handler: remove },
      docs: {
        ...{ operationId: 'deleteBundles', tag, summary: 'Delete one bundle, or all that nothing uses' },
        description:
          'One that a channel or a release uses is refused; of all bundles those are kept. Version names stay taken.',
        ...{
          body: RestBundleDeleteBody,
          isBodyOptional: true,
          query: RestBundleDeleteBody,
          answer: RestStatus,
        },
        errors: refusals(
          ...['missing_app_id', 'invalid_app_id', 'missing_version', 'cannot_delete_bundle'],
          ...['cannot_delete_version', 'cannot_delete_linked_version'],
        ),
      },
    },
    {
      ...{ method: 'PUT', url: '/bundle', permission: 'channels.deploy', handler: setToChannel },
      docs: {
        ...{ operationId: 'setBundleToChannel', tag, summary: 'Let a channel serve a bundle' },
        ...{ body: RestBundleSetBody, answer: RestMessage },
        errors: refusals(
          ...['missing_required_fields', 'invalid_app_id', 'cannot_access_app', 'cannot_find_version'],
          'cannot_find_channel',
        ),
      },
    },
    {
      ...{ method: 'POST', url: '/bundle/metadata', permission: 'bundles.change', handler: changeMetadata },
      docs: {
        ...{ operationId: 'changeBundleMetadata', tag, summary: 'Say something else of a bundle' },
        ...{ body: RestBundleMetadataBody, answer: RestStatus },
        errors: refusals(
          ...['missing_required_fields', 'invalid_app_id', 'cannot_update_bundle_metadata'],
          ...['cannot_find_version', 'no_fields_to_update', 'cannot_update_version_metadata'],
        ),
      },
    },
  ];
}
