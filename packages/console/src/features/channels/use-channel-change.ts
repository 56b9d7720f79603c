import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { Channel, ChannelChange } from '../../api/channels.ts';
import { saveChannel } from '../../api/channels.ts';
import { tellFailed } from '../../components/tell.ts';

/** Changes of one channel; its pages are read again after each. */
export function useChannelChange({ app_id, name }: Pick<Channel, 'app_id' | 'name'>) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: ChannelChange) => saveChannel(app_id, name, change),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['channels', app_id] }),
    onError: tellFailed,
  });
}
