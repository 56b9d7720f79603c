import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { Channel, ChannelChange } from '../../api/channels.ts';
import { saveChannel } from '../../api/channels.ts';
import { tellFailed } from '../../components/tell.ts';

/**
 * Changes of one channel; its pages are read again after each.
 *
 * @param isToldElsewhere why a change was refused: by the form or the question that it comes from
 */
export function useChannelChange(
  { app_id, name }: Pick<Channel, 'app_id' | 'name'>,
  { isToldElsewhere = false } = {},
) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: ChannelChange) => saveChannel(app_id, name, change),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['channels', app_id] }),
    ...(isToldElsewhere ? {} : { onError: tellFailed }),
  });
}
