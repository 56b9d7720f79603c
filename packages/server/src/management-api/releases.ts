import { formatTimestamp, parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { ListQuery } from '@capgo-server/protocol/management/pages';
import {
  ReleaseAnswer,
  ReleaseCreateBody,
  ReleaseDeleteAnswer,
  ReleaseDeleteBody,
  ReleaseList,
  ReleaseSetActiveBody,
  ReleaseUpdateBody,
  type ReleaseView,
} from '@capgo-server/protocol/management/releases';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/access.ts';
import { actorOf } from '../domain/actor.ts';
import { AppError } from '../domain/errors.ts';
import type { Release } from '../domain/release.ts';
import type { Releases } from '../services/releases.ts';
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
import { appsAsSeen, asSeen, requireSeen } from './scope.ts';

function toView(release: Release): ReleaseView {
  return {
    id: release.id,
    app_id: release.appId,
    platform: release.platform,
    version_name: release.versionName,
    version_code: release.versionCode,
    release_date: release.releaseDateMs === null ? null : formatTimestamp(release.releaseDateMs),
    builtin_bundle_id: release.builtinBundleId,
    active_bundle_id: release.activeBundleId,
    created_at: formatTimestamp(release.createdAtMs),
    updated_at: formatTimestamp(release.updatedAtMs),
  };
}

function releaseDate(text: string | null): number | null {
  if (text === null) return null;
  const time = parseTimestamp(text);
  if (time === undefined) {
    throw new AppError(
      'invalid_request',
      'release_date must be a date, or a date-time with zone, such as 2026-01-31T12:00:00Z',
    );
  }
  return time;
}

export interface ReleaseRoutesDeps {
  readonly releases: Releases;
}

function createHandlers({ releases }: ReleaseRoutesDeps) {
  /** The id of a release that the caller may see; rejects with `release_not_found`. */
  async function seenId(text: string, caller: Caller): Promise<string> {
    const id = recordId(text, 'release_id');
    if (asSeen(caller, await releases.find(id))) return id;
    throw new AppError('release_not_found', `There is no release with id ${id}`);
  }

  return {
    async list(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const query = request.query as Query;
      const page = await releases.list(
        appsAsSeen(caller, appIdParameter(query)),
        pageParameters(query, defaultRecordRows),
      );
      return listAnswer(page, toView);
    },

    async create(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const body = parseBody(ReleaseCreateBody, request.body);
      requireSeen(caller, body.app_id);
      const facts = {
        appId: body.app_id,
        platform: body.platform,
        versionName: body.version_name,
        versionCode: body.version_code,
        builtinBundleId: recordId(body.builtin_bundle_id, 'builtin_bundle_id'),
      };
      const release = await releases.create(facts, actorOf(caller));
      return { message: 'Release created successfully', release: toView(release) };
    },

    async update(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const body = parseBody(ReleaseUpdateBody, request.body);
      if (body.release_date === undefined) throw new AppError('invalid_request', 'release_date is missing');
      const date = releaseDate(body.release_date);
      const id = await seenId(body.release_id, caller);
      const release = await releases.setReleaseDate(id, date, actorOf(caller));
      return { message: 'Release updated successfully', release: toView(release) };
    },

    async setActive(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const body = parseBody(ReleaseSetActiveBody, request.body);
      const bundleId = body.bundle_id === null ? null : recordId(body.bundle_id, 'bundle_id');
      const id = await seenId(body.release_id, caller);
      const release = await releases.setActiveBundle(id, bundleId, actorOf(caller));
      return { message: 'Release updated successfully', release: toView(release) };
    },

    async delete(request: FastifyRequest, _reply: FastifyReply, caller: Caller) {
      const body = parseBody(ReleaseDeleteBody, request.body);
      await releases.delete(await seenId(body.release_id, caller), actorOf(caller));
      return { message: 'Release deleted successfully' };
    },
  };
}

export function releaseRoutes(deps: ReleaseRoutesDeps): readonly ManagementRoute[] {
  const releases = createHandlers(deps);
  return [
    {
      ...{ method: 'GET', url: '/api/v1/releases.list', permission: 'releases.read' },
      handler: releases.list,
      docs: {
        ...{ operationId: 'releasesList', tag: 'releases', summary: 'Releases, newest first' },
        ...{ query: ListQuery, answer: ReleaseList },
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.create', permission: 'releases.change' },
      handler: releases.create,
      docs: {
        ...{ operationId: 'releasesCreate', tag: 'releases', summary: 'Register a native build' },
        ...{ body: ReleaseCreateBody, answer: ReleaseAnswer },
        errors: ['bundle_not_found', 'release_already_exists'],
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.update', permission: 'releases.change' },
      handler: releases.update,
      docs: {
        ...{ operationId: 'releasesUpdate', tag: 'releases', summary: 'Set the release date' },
        ...{ body: ReleaseUpdateBody, answer: ReleaseAnswer, errors: ['release_not_found'] },
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.set-active', permission: 'releases.change' },
      handler: releases.setActive,
      docs: {
        operationId: 'releasesSetActive',
        tag: 'releases',
        summary: 'Choose the bundle that the devices of a release run',
        ...{ body: ReleaseSetActiveBody, answer: ReleaseAnswer },
        errors: ['release_not_found', 'bundle_not_found'],
      },
    },
    {
      ...{ method: 'POST', url: '/api/v1/releases.delete', permission: 'releases.change' },
      handler: releases.delete,
      docs: {
        ...{ operationId: 'releasesDelete', tag: 'releases', summary: 'Forget a native build' },
        ...{ body: ReleaseDeleteBody, answer: ReleaseDeleteAnswer, errors: ['release_not_found'] },
      },
    },
  ];
}
