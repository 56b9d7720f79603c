import { eventually } from './deadline.ts';
import type { RunningServer } from './start-server.ts';

/**
 * The management API's words, as far as journeys read them. Written out here, not taken from the server's protocol
 * package: an operator's scripts would not follow a renaming either.
 */
export interface ManagedBundle {
  readonly id: string;
  readonly app_id: string;
  readonly version_name: string;
  readonly description: string;
  readonly crc_checksum: string;
  readonly checksum: string;
  readonly size: number;
  readonly session_key: string;
  readonly key_id: string | null;
  readonly manifest_state: string;
  readonly manifest_reason: string | null;
  readonly public_download_url: string;
  readonly created_at: string;
}

/** Answer of `bundles.manifest`. */
export interface ManagedManifest {
  readonly manifest_state: string;
  readonly manifest_reason: string | null;
  readonly files: readonly {
    readonly path: string;
    readonly hash: string;
    readonly size: number;
    readonly compression: 'br' | null;
    readonly download_url: string;
  }[];
}

/** Answer of `bundles.diff`. */
export interface ManagedDiff {
  readonly added: readonly { readonly path: string }[];
  readonly changed: readonly { readonly path: string }[];
  readonly removed: readonly { readonly path: string }[];
  readonly zip_bytes: number;
  readonly delta_bytes: number;
}

interface NewBundle {
  readonly app_id: string;
  readonly version_name: string;
  readonly description?: string;
  readonly session_key?: string;
  readonly checksum?: string;
  readonly key_id?: string;
  readonly min_update_version?: string;
}

interface NewRelease {
  readonly app_id: string;
  readonly platform: 'ios' | 'android' | 'electron';
  readonly version_name: string;
  readonly version_code: string;
  readonly builtin_bundle_id: string;
}

interface ManagedRelease extends NewRelease {
  readonly id: string;
}

interface EventFilter {
  readonly app_id: string;
  readonly device_id?: string;
  readonly action?: string;
}

export interface ManagedEvent {
  readonly device_id: string;
  readonly action: string;
  readonly version_name: string;
  readonly channel: string | null;
  readonly platform: string;
  readonly plugin_version: string | null;
  readonly version_build: string | null;
  readonly version_code: string | null;
}

export interface ManagedCounters {
  readonly date: string;
  readonly bundle: string;
  readonly channel: string | null;
  readonly platform: string;
  readonly get: number;
  readonly install: number;
  readonly uninstall: number;
  readonly fail: number;
}

/** An operator's calls; each fails with the server's own words unless it is answered 2xx. */
export interface Management {
  uploadBundle(zip: Uint8Array, bundle: NewBundle): Promise<ManagedBundle>;
  /** Waits until devices can download single files of the bundle; answers its files. */
  manifestReady(bundleId: string, deadlineMs?: number): Promise<ManagedManifest>;
  diff(fromId: string, toId: string): Promise<ManagedDiff>;
  createRelease(release: NewRelease): Promise<ManagedRelease>;
  /** `null` sends the release's devices back to their builtin bundle. */
  setActiveBundle(releaseId: string, bundleId: string | null): Promise<void>;
  /** Newest first. */
  listEvents(filter: EventFilter): Promise<readonly ManagedEvent[]>;
  listCounters(appId: string): Promise<readonly ManagedCounters[]>;
}

export function managementOf({
  managementUrl,
  token,
}: Pick<RunningServer, 'managementUrl' | 'token'>): Management {
  async function ask<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
    const headers = new Headers(init.headers);
    headers.set('x-api-key', token);
    const response = await fetch(`${managementUrl}/api/v1/${path}`, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as Answer;
  }

  function post<Answer>(path: string, body: object): Promise<Answer> {
    const headers = { 'content-type': 'application/json' };
    return ask<Answer>(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  return {
    async uploadBundle(zip, bundle) {
      const form = new FormData();
      // A copy, because a Blob takes no bytes whose buffer might be shared.
      form.append('bundle', new Blob([new Uint8Array(zip)], { type: 'application/zip' }), 'bundle.zip');
      for (const [name, value] of Object.entries({ description: '', ...bundle })) form.append(name, value);
      const answer = await ask<{ bundle: ManagedBundle }>('bundles.upload', { method: 'POST', body: form });
      return answer.bundle;
    },
    async manifestReady(bundleId, deadlineMs = 30_000) {
      return eventually(
        'a manifest',
        async () => {
          const path = `bundles.manifest?bundle_id=${bundleId}`;
          const manifest = await ask<ManagedManifest>(path);
          const { manifest_state, manifest_reason } = manifest;
          if (manifest_state === 'pending') return undefined;
          if (manifest_state !== 'ready') throw new Error(`it is ${manifest_state}: ${manifest_reason}`);
          return manifest;
        },
        deadlineMs,
      );
    },
    diff: (fromId, toId) => ask<ManagedDiff>(`bundles.diff?from=${fromId}&to=${toId}`),
    async createRelease(release) {
      return (await post<{ release: ManagedRelease }>('releases.create', release)).release;
    },
    async setActiveBundle(releaseId, bundleId) {
      await post('releases.set-active', { release_id: releaseId, bundle_id: bundleId });
    },
    async listEvents(filter) {
      const query = new URLSearchParams({ ...filter });
      return (await ask<{ data: ManagedEvent[] }>(`events.list?${query}`)).data;
    },
    async listCounters(appId) {
      return (await ask<{ data: ManagedCounters[] }>(`counters.list?app_id=${appId}`)).data;
    },
  };
}
