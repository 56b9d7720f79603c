import { Badge, Group, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { bundlesQuery } from '../../api/bundles.ts';
import { channelsQuery } from '../../api/channels.ts';
import { releasesQuery } from '../../api/releases.ts';

/** A place that serves a bundle, or that it is built into. */
export interface Serving {
  readonly bundleId: string;
  readonly kind: 'channel' | 'rollout' | 'release' | 'builtin';
  readonly label: string;
  /** Below the app's address. */
  readonly path: string;
}

const words = {
  channel: 'channel',
  rollout: 'rollout in',
  release: 'release',
  builtin: 'builtin of',
} as const;
const colors = { channel: 'teal', rollout: 'orange', release: 'blue', builtin: 'gray' } as const;

/** Every place of the app that serves something. */
export function useServing(appId: string): readonly Serving[] {
  const { data: releases = [] } = useQuery(releasesQuery(appId));
  const { data: channels = [] } = useQuery(channelsQuery(appId));
  const { data: bundles = [] } = useQuery(bundlesQuery(appId));
  const idOf = new Map(bundles.map(({ id, version_name }) => [version_name, id]));
  const ofChannels = channels.flatMap((channel): Serving[] => {
    const path = `/channels/${encodeURIComponent(channel.name)}`;
    const named = [
      ['channel', channel.version?.name],
      ['rollout', channel.rollout_version_info?.name],
    ] as const;
    return named.flatMap(([kind, name]) => {
      const bundleId = name === undefined ? undefined : idOf.get(name);
      return bundleId === undefined ? [] : [{ bundleId, kind, label: channel.name, path }];
    });
  });
  const ofReleases = releases.flatMap((release): Serving[] => {
    const label = `${release.platform} ${release.version_name} (${release.version_code})`;
    const path = '/releases';
    const builtin = { bundleId: release.builtin_bundle_id, kind: 'builtin', label, path } as const;
    if (release.active_bundle_id === null) return [builtin];
    return [{ bundleId: release.active_bundle_id, kind: 'release', label, path }, builtin];
  });
  return [...ofChannels, ...ofReleases];
}

export function ServedBy({
  bundleId,
  serving,
  appId,
}: {
  readonly bundleId: string;
  readonly serving: readonly Serving[];
  readonly appId: string;
}) {
  const mine = serving.filter((place) => place.bundleId === bundleId);
  if (mine.length === 0)
    return (
      <Text span size="sm" c="dimmed">
        nobody
      </Text>
    );
  return (
    <Group gap={4}>
      {mine.slice(0, 4).map(({ kind, label, path }) => (
        <Badge
          key={`${kind} ${label}`}
          component={Link}
          to={`/apps/${appId}${path}`}
          variant="light"
          color={colors[kind]}
          tt="none"
          style={{ cursor: 'pointer' }}
        >
          {words[kind]} {label}
        </Badge>
      ))}
      {mine.length > 4 && (
        <Text size="xs" c="dimmed">
          and {mine.length - 4} more
        </Text>
      )}
    </Group>
  );
}
