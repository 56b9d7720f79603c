import { isAppId, type Platform, parsePlatform } from '@capgo-server/protocol/formats/identifiers';
import { type Actor, labelOf } from '../domain/actor.ts';
import { type Deployment, rollbackReason } from '../domain/deployment.ts';
import { AppError } from '../domain/errors.ts';
import type { Release } from '../domain/release.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import type { AppFilter, DeploymentLog, ReleaseStore } from '../ports/store.ts';
import { findPreviouslyServed } from './previously-served.ts';

/** What an operator says of a release; texts as they came. */
export interface ReleaseFacts {
  readonly appId: string;
  readonly platform: string;
  readonly versionName: string;
  readonly versionCode: string;
  readonly builtinBundleId: string;
}

export interface Releases {
  /** Rejects with `invalid_request`, `release_already_exists` or `bundle_not_found`. */
  create(facts: ReleaseFacts, actor: Actor): Promise<Release>;
  list(filter: AppFilter, page: PageRequest): Promise<Page<Release>>;
  find(id: string): Promise<Release | undefined>;
  /** @param releaseDateMs epoch milliseconds, or null for "not released" */
  setReleaseDate(id: string, releaseDateMs: number | null, actor: Actor): Promise<Release>;
  /**
   * Serves the bundle, or the builtin one for null, from the next update check on.
   *
   * @param actor who asked for it, for the deployment log
   */
  setActiveBundle(id: string, bundleId: string | null, actor: Actor): Promise<Release>;
  /**
   * Serves what was served before what is active when it is asked; rollback after rollback walks further back, while
   * several at once go back once and log a deployment each. Of a rollback and `setActiveBundle` at once the later one
   * counts. Rejects with `invalid_request` when there is nothing to go back to.
   */
  rollback(id: string, actor: Actor): Promise<Release>;
  /** Newest first. */
  listDeployments(id: string, page: PageRequest): Promise<Page<Deployment>>;
  delete(id: string, actor: Actor): Promise<void>;
}

const maxVersionLength = 128;

function requireText(text: string, name: string): void {
  if (text.trim() === '' || text.length > maxVersionLength || /\p{Cc}/u.test(text)) {
    throw new AppError(
      'invalid_request',
      `${name} must be a text of 1 to ${maxVersionLength} characters, without control characters`,
    );
  }
}

function requirePlatform(text: string): Platform {
  const platform = parsePlatform(text);
  if (!platform) throw new AppError('invalid_request', 'platform must be ios, android or electron');
  return platform;
}

export function createReleases(deps: {
  readonly store: ReleaseStore & DeploymentLog;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
  readonly ids: Ids;
}): Releases {
  const { store, appSnapshots, clock, ids } = deps;

  async function published(release: Release): Promise<Release> {
    await appSnapshots.refresh(release.appId);
    return release;
  }

  async function deploy(id: string, bundleId: string | null, actor: Actor, reason: string): Promise<Release> {
    const deployment = {
      id: ids.next(),
      bundleId,
      rolloutBundleId: null,
      actor: labelOf(actor),
      reason,
      createdAtMs: clock.now(),
    };
    const by = { actor, atMs: deployment.createdAtMs };
    return published(await store.deployToRelease(id, deployment, by));
  }

  return {
    async create(facts, actor) {
      const platform = requirePlatform(facts.platform);
      if (!isAppId(facts.appId)) {
        throw new AppError('invalid_request', 'app_id must be a reverse-domain id such as com.example.app');
      }
      requireText(facts.versionName, 'version_name');
      requireText(facts.versionCode, 'version_code');
      const now = clock.now();
      const release: Release = {
        id: ids.next(),
        appId: facts.appId,
        platform,
        versionName: facts.versionName,
        versionCode: facts.versionCode,
        releaseDateMs: null,
        builtinBundleId: facts.builtinBundleId,
        activeBundleId: null,
        createdAtMs: now,
        updatedAtMs: now,
      };
      await store.insertRelease(release, { actor, atMs: now });
      return published(release);
    },
    list: (filter, page) => store.listReleases(filter, page),
    find: (id) => store.findRelease(id),
    setReleaseDate: async (id, releaseDateMs, actor) =>
      published(await store.setReleaseDate(id, releaseDateMs, { actor, atMs: clock.now() })),
    setActiveBundle: (id, bundleId, actor) => deploy(id, bundleId, actor, 'set active bundle'),
    async rollback(id, actor) {
      const release = await store.findRelease(id);
      if (!release) throw new AppError('release_not_found', `There is no release ${id}`);
      const previous = await findPreviouslyServed(deps, {
        appId: release.appId,
        target: { kind: 'release', releaseId: id },
        servedNow: release.activeBundleId,
        base: null,
      });
      if (previous === undefined) {
        throw new AppError(
          'invalid_request',
          'The release has served nothing before that it could go back to',
        );
      }
      return deploy(id, previous, actor, rollbackReason);
    },
    listDeployments: (id, page) => store.listDeployments({ kind: 'release', releaseId: id }, page),
    async delete(id, actor) {
      await published(await store.deleteRelease(id, { actor, atMs: clock.now() }));
    },
  };
}
