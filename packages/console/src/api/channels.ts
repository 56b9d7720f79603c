import type {
  ChannelHealthView,
  ChannelRollbackAnswer,
  DeploymentView,
} from '@capgo-server/protocol/management/deployments';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, type ListAnswer, rest } from './client.ts';

/** A bundle as channels name it. */
interface NamedBundle {
  readonly id: number;
  readonly name: string;
}

export type UpdatePolicy = 'major' | 'minor' | 'patch' | 'version_number' | 'none';
export type AutoPauseAction = 'pause' | 'rollback' | 'notify';

/** A channel as the documented REST API shows it. */
export interface Channel {
  readonly id: number;
  readonly name: string;
  readonly app_id: string;
  readonly created_at: string;
  readonly updated_at: string;
  /** null for builtin. */
  readonly version: NamedBundle | null;
  readonly public: boolean;
  readonly ios: boolean;
  readonly android: boolean;
  readonly electron: boolean;
  readonly allow_device_self_set: boolean;
  readonly allow_emulator: boolean;
  readonly allow_device: boolean;
  readonly allow_dev: boolean;
  readonly allow_prod: boolean;
  readonly disableAutoUpdateUnderNative: boolean;
  readonly disableAutoUpdate: UpdatePolicy;
  readonly rollout_version_info: NamedBundle | null;
  readonly rolloutPercentageBps: number;
  readonly rolloutEnabled: boolean;
  readonly rolloutPausedAt: string | null;
  readonly rolloutPauseReason: string | null;
  readonly autoPauseEnabled: boolean;
  readonly autoPauseWindowMinutes: number;
  readonly autoPauseFailureRateBps: number | null;
  readonly autoPauseConfidence: number;
  readonly autoPauseMinAttempts: number | null;
  readonly autoPauseMinFailures: number | null;
  readonly autoPauseAction: AutoPauseAction;
  readonly autoPauseCooldownMinutes: number;
  readonly autoPauseLastTriggeredAt: string | null;
}

/** What is said of a channel; the rest stays as it is. */
export type ChannelChange = Partial<
  Pick<
    Channel,
    | 'public'
    | 'ios'
    | 'android'
    | 'electron'
    | 'allow_device_self_set'
    | 'allow_emulator'
    | 'allow_device'
    | 'allow_dev'
    | 'allow_prod'
    | 'disableAutoUpdateUnderNative'
    | 'disableAutoUpdate'
    | 'rolloutPercentageBps'
    | 'rolloutEnabled'
    | 'autoPauseEnabled'
    | 'autoPauseWindowMinutes'
    | 'autoPauseFailureRateBps'
    | 'autoPauseConfidence'
    | 'autoPauseMinAttempts'
    | 'autoPauseMinFailures'
    | 'autoPauseAction'
    | 'autoPauseCooldownMinutes'
  >
> & {
  /** A version name; null for builtin. */
  readonly version?: string | null;
  readonly rolloutVersion?: string | null;
  readonly rolloutPaused?: boolean;
  readonly rolloutPauseReason?: string;
  readonly rollback?: true;
  readonly promoteToStable?: true;
};

const rowsAPage = 50;

export const channelsQuery = (appId: string) =>
  queryOptions({
    queryKey: ['channels', appId],
    queryFn: async ({ signal }) => {
      const channels: Channel[] = [];
      for (let page = 0; ; page += 1) {
        const rows = await rest.get<readonly Channel[]>('/channel', { app_id: appId, page }, signal);
        channels.push(...rows);
        if (rows.length < rowsAPage) return channels;
      }
    },
  });

export const channelHealthQuery = (appId: string, channel: string) =>
  queryOptions({
    queryKey: ['channels', appId, channel, 'health'],
    queryFn: ({ signal }) =>
      api.get<ChannelHealthView>('channels.health', { app_id: appId, channel }, signal),
  });

export const deploymentsQuery = (appId: string, channel: string) =>
  infiniteQueryOptions({
    queryKey: ['channels', appId, channel, 'deployments'],
    queryFn: ({ pageParam, signal }) =>
      api.get<ListAnswer<DeploymentView>>(
        'deployments.list',
        { app_id: appId, channel, limit: 20, cursor: pageParam },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
  });

/** Changes a channel, or makes it. */
export const saveChannel = (appId: string, channel: string, change: ChannelChange) =>
  rest.send('POST', '/channel', { app_id: appId, channel, ...change });
export const deleteChannel = (appId: string, channel: string) =>
  rest.send('DELETE', '/channel', { app_id: appId, channel });
export const rollBack = (appId: string, channel: string) =>
  api.post<ChannelRollbackAnswer>('channels.rollback', { app_id: appId, channel });
