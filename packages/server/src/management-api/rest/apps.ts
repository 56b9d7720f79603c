import { createHash } from 'node:crypto';
import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { RestStatus } from '@capgo-server/protocol/management/rest-answers';
import {
  type RestApp,
  RestAppChangeBody,
  RestAppCreateBody,
  RestAppList,
  RestAppListQuery,
  RestAppParams,
  RestApp as RestAppSchema,
} from '@capgo-server/protocol/management/rest-apps';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type Caller, seesApp } from '../../domain/access.ts';
import { actorOf } from '../../domain/actor.ts';
import { type AppRecord, endlessRetentionSeconds } from '../../domain/app.ts';
import type { AppSnapshots } from '../../ports/app-snapshots.ts';
import type { AppChange, Apps } from '../../services/apps.ts';
import type { Devices } from '../../services/devices.ts';
import type { Organizations } from '../../services/organizations.ts';
import type { ManagementRoute } from '../route.ts';
import { isHosted, RestError } from './rest-error.ts';
import {
  appIdField,
  cannotAccessApp,
  flagField,
  invalidAppId,
  numberField,
  requireApp,
  restPageRows,
  textField,
} from './rest-fields.ts';
import { bodyInput, bodyOrQueryInput, queryInput, type RestInput } from './rest-input.ts';
import { inWords, refusals } from './restated.ts';

export interface RestAppRoutesDeps {
  readonly apps: Apps;
  readonly devices: Devices;
  readonly appSnapshots: Pick<AppSnapshots, 'find'>;
  readonly organizations: Pick<Organizations, 'find' | 'listAppIds'>;
}

const maxRows = 1_000;
const timeOrNull = (timeMs: number) => (timeMs === 0 ? null : formatTimestamp(timeMs));
const appNotFound = 'App not found';

/** A UUID for clients that know apps by one; made of the id, so that it needs no place. */
function uuidOf(appId: string): string {
  const hex = createHash('sha256').update(`capgo-server app ${appId}`).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return [
    ...[hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`],
    ...[`${variant}${hex.slice(18, 20)}`, hex.slice(20, 32)],
  ].join('-');
}

/** A text, or null where null is an answer. */
function textOrNull(input: RestInput, name: string): string | null | undefined {
  return textField(input, name) ?? (input[name] === null ? null : undefined);
}

/** Seconds; null for never, undefined where nothing is said of it. */
function retentionOf(input: RestInput): number | null | undefined {
  if (input['retention'] === null) return null;
  const retention = numberField(input, 'retention');
  if (retention === undefined) return undefined;
  if (retention >= endlessRetentionSeconds) {
    throw new RestError('retention_to_big', `retention must be less than ${endlessRetentionSeconds} seconds`);
  }
  if (retention < 0) throw new RestError('retention_to_small', 'retention must be 0 seconds or more');
  if (Number.isInteger(retention)) return retention;
  throw new RestError('invalid_body', 'retention must be a whole number of seconds');
}

/** What a request says of an app that is there or is made. */
function changeOf(input: RestInput): AppChange {
  const given = {
    name: textField(input, 'name'),
    icon: textField(input, 'icon'),
    defaultUploadChannel: textField(input, 'default_upload_channel'),
    exposeMetadata: flagField(input, 'expose_metadata'),
    allowDeviceCustomId: flagField(input, 'allow_device_custom_id'),
    needOnboarding: flagField(input, 'need_onboarding'),
    existingApp: flagField(input, 'existing_app'),
    blockProviderInfraRequests: flagField(input, 'block_provider_infra_requests'),
    iosStoreUrl: textOrNull(input, 'ios_store_url'),
    androidStoreUrl: textOrNull(input, 'android_store_url'),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

export function restAppRoutes(deps: RestAppRoutesDeps): readonly ManagementRoute[] {
  const { apps, devices, appSnapshots, organizations } = deps;

  async function toRows(records: readonly AppRecord[]): Promise<readonly RestApp[]> {
    const pinned = await devices.countOverrides(records.map(({ appId }) => appId));
    return records.map((app): RestApp => {
      const snapshot = appSnapshots.find(app.appId);
      const own = [...(snapshot?.bundlesById.values() ?? [])].filter(({ appId }) => appId === app.appId);
      const [newest] = own.toSorted(
        (left, right) => right.createdAtMs - left.createdAtMs || (left.id < right.id ? 1 : -1),
      );
      const rollouts = [...(snapshot?.channelsById.values() ?? [])].filter(
        ({ channel }) => channel.rollout.bundleId !== null,
      );
      return {
        ...{ app_id: app.appId, id: uuidOf(app.appId), name: app.name, icon_url: app.icon },
        ...{ owner_org: app.organizationId, user_id: null },
        created_at: timeOrNull(app.createdAtMs),
        updated_at: timeOrNull(app.updatedAtMs),
        last_version: newest?.versionName ?? null,
        retention: app.retentionSeconds ?? endlessRetentionSeconds,
        default_upload_channel: app.defaultUploadChannel,
        expose_metadata: app.exposeMetadata,
        allow_device_custom_id: app.allowDeviceCustomId,
        need_onboarding: app.needOnboarding,
        existing_app: app.existingApp,
        block_provider_infra_requests: app.blockProviderInfraRequests,
        ...{ created_from_onboarding: false, allow_preview: false, transfer_history: null },
        ...{ ios_store_url: app.iosStoreUrl, android_store_url: app.androidStoreUrl },
        channel_device_count: pinned.get(app.appId) ?? 0,
        manifest_bundle_count: own.filter(({ manifest }) => manifest.state === 'ready').length,
        rollout_channel_count: rollouts.length,
        rollout_paused_version_names: rollouts.flatMap(({ channel, rolloutBundle }) =>
          channel.rollout.pausedAtMs !== null && rolloutBundle ? [rolloutBundle.versionName] : [],
        ),
        ...{ stats_updated_at: null, stats_refresh_requested_at: null, build_timeout_seconds: null },
      };
    });
  }

  async function toRow(app: AppRecord): Promise<RestApp> {
    const [row] = await toRows([app]);
    if (!row) throw new Error('An app has a row');
    return row;
  }

  function appIdOf(request: FastifyRequest): string {
    const { id } = request.params as { readonly id: string };
    if (!isAppId(id)) throw invalidAppId(id);
    return id;
  }

  /** The same for an app that nobody has and for one that is not the caller's. */
  function noAccess(appId: string, status: number): RestError {
    const { restCode, message, details = {} } = cannotAccessApp(appId);
    return new RestError(restCode, message, { status, documentedText: appNotFound, details });
  }

  /** The apps that the caller may see, of one organization or ('') of all; null for every one. */
  async function visibleAppIds(caller: Caller, organization: string): Promise<readonly string[] | null> {
    if (organization === '') return caller.apps && [...caller.apps];
    const ofIt = await organizations.listAppIds(organization);
    return ofIt.filter((appId) => seesApp(caller, appId));
  }

  async function list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = queryInput(request);
    const wholeNumber = (name: string, otherwise: number): number => {
      const text = textField(input, name) ?? '';
      if (text === '') return otherwise;
      return /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    };
    const page = wholeNumber('page', 0);
    const limit = wholeNumber('limit', restPageRows);
    if (Number.isNaN(page)) throw new RestError('invalid_page', 'page must be a whole number, 0 or more');
    if (!(limit >= 1 && limit <= maxRows)) {
      throw new RestError('invalid_limit', `limit must be a whole number from 1 to ${maxRows}`);
    }
    const organization = textField(input, 'org_id') ?? '';
    if (organization !== '' && !(await organizations.find(caller, organization))) {
      throw new RestError(
        'user_does_not_have_access_to_this_organization',
        "You can't access this organization",
      );
    }
    const appIds = await visibleAppIds(caller, organization);
    const records = await apps.list(appIds, { offset: page * limit, limit });
    const rows = await toRows(records);
    return isHosted(request) ? rows : { data: rows };
  }

  async function get(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const appId = appIdOf(request);
    return toRow(await requireApp(apps, caller, appId, () => noAccess(appId, 401)));
  }

  async function create(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const input = bodyOrQueryInput(request);
    const appId = appIdField(input);
    if (!textField(input, 'name')) throw new RestError('missing_name', 'Missing name');
    const organization = textField(input, 'owner_org') ?? '';
    // The same for an app that is there and for one that is not: the caller has nothing to do with either.
    const isOwnable = organization === '' || (await organizations.find(caller, organization)) !== undefined;
    if (!seesApp(caller, appId) || !isOwnable) {
      throw new RestError('cannot_access_organization', "You can't access this organization", {
        status: 403,
      });
    }
    const app = await inWords({ invalid_request: { code: 'cannot_create_app' } }, () =>
      apps.create(appId, changeOf(input), actorOf(caller), organization === '' ? undefined : organization),
    );
    return toRow(app);
  }

  async function change(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const appId = appIdOf(request);
    const input = bodyInput(request);
    if (Object.keys(input).length === 0) {
      throw new RestError('invalid_json_parse_body', 'Invalid JSON body');
    }
    await requireApp(apps, caller, appId, () => noAccess(appId, 401));
    const retentionSeconds = retentionOf(input);
    const given = {
      ...changeOf(input),
      ...(retentionSeconds === undefined ? {} : { retentionSeconds }),
    };
    const gone = { code: 'cannot_access_app', status: 401, documentedText: appNotFound };
    const app = await inWords({ invalid_request: { code: 'cannot_update_app' }, app_not_found: gone }, () =>
      apps.change(appId, given, actorOf(caller)),
    );
    return toRow(app);
  }

  async function remove(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
    const appId = appIdOf(request);
    const refusal = () =>
      new RestError('cannot_delete_app', "You can't access this app", { documentedText: appNotFound });
    await requireApp(apps, caller, appId, refusal);
    await inWords({ app_not_found: { code: 'cannot_delete_app', documentedText: appNotFound } }, () =>
      apps.delete(appId, actorOf(caller)),
    );
    return { status: 'ok' };
  }

  const tag = 'apps';
  const ofOne = { params: RestAppParams, answer: RestAppSchema };
  return [
    {
      ...{ method: 'GET', url: '/app', permission: 'apps.read', handler: list },
      docs: {
        ...{ operationId: 'listApps', tag, summary: 'Apps, by id' },
        ...{ query: RestAppListQuery, answer: RestAppList, hostedAnswer: Type.Array(RestAppSchema) },
        errors: refusals(
          ...['user_does_not_have_access_to_this_organization', 'invalid_page', 'invalid_limit'],
        ),
      },
    },
    {
      ...{ method: 'GET', url: '/app/:id', permission: 'apps.read', handler: get },
      docs: {
        ...ofOne,
        ...{ operationId: 'getApp', tag, summary: 'One app' },
        errors: [...refusals('invalid_app_id'), { code: 'cannot_access_app', status: 401 }],
      },
    },
    {
      ...{ method: 'POST', url: '/app', permission: 'apps.create', handler: create },
      docs: {
        ...{ operationId: 'createApp', tag, summary: 'Register an app' },
        description: 'Not needed before the first upload, which registers its app as well.',
        ...{ body: RestAppCreateBody, answer: RestAppSchema },
        errors: [
          ...refusals('missing_app_id', 'invalid_app_id', 'missing_name', 'cannot_create_app'),
          { code: 'cannot_access_organization', status: 403 },
          { code: 'app_id_already_exists', status: 409 },
        ],
      },
    },
    {
      ...{ method: 'PUT', url: '/app/:id', permission: 'apps.change', handler: change },
      docs: {
        ...{ ...ofOne, operationId: 'changeApp', tag, summary: 'Change what is said of an app' },
        body: RestAppChangeBody,
        errors: [
          ...refusals('invalid_app_id', 'retention_to_big', 'retention_to_small', 'cannot_update_app'),
          { code: 'cannot_access_app', status: 401 },
        ],
      },
    },
    {
      ...{ method: 'DELETE', url: '/app/:id', permission: 'apps.delete', handler: remove },
      docs: {
        ...{ operationId: 'deleteApp', tag, summary: 'Delete an app with everything of it' },
        description:
          'Bundles and their zips, releases, channels, devices and what they reported. Its version names are free again, and devices that are still there are told that there is no such app.',
        ...{ params: RestAppParams, answer: RestStatus },
        errors: refusals('invalid_app_id', 'cannot_delete_app'),
      },
    },
  ];
}
