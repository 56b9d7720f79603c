import { useIsFetching, useQuery } from '@tanstack/react-query';
import { overviewQuery } from '../../api/overview.ts';
import { useCan } from '../../api/session.ts';

/** What is known of the devices that a channel serves now. */
export interface ChannelDevices {
  readonly count: number;
  /** The parameters of `devices.list` that show them; null when there are none. */
  readonly filter: Readonly<Record<string, string>> | null;
}

/** The active devices that the channel served last; undefined while, and for whom, that is not known. */
export function useChannelDevices(appId: string, channel: string): ChannelDevices | undefined {
  const can = useCan();
  // What the page is for comes first: counting a large fleet may take the database a moment.
  const isCalm = useIsFetching({ predicate: ({ queryKey }) => queryKey[0] !== 'overview' }) === 0;
  const { data } = useQuery({
    ...overviewQuery(appId, 1),
    enabled: can('statistics.read') && isCalm,
    staleTime: 60_000,
  });
  if (!data) return undefined;
  const group = data.now.channels.find(({ name }) => name === channel);
  return { count: group?.devices ?? 0, filter: group?.filter ?? null };
}
