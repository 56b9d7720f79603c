import { Text, Tooltip } from '@mantine/core';
import { localTime, timeAgo, utcTime } from './moment.ts';

/** A time as the reader's clock shows it, with UTC on hover and for the keyboard. */
export function When({ at, isAgo = false }: { readonly at: string | null; readonly isAgo?: boolean }) {
  if (at === null)
    return (
      <Text span c="dimmed">
        –
      </Text>
    );
  return (
    <Tooltip
      label={isAgo ? `${localTime(at)} · ${utcTime(at)}` : utcTime(at)}
      events={{ hover: true, focus: true, touch: true }}
    >
      <Text span inherit component="time" dateTime={at} tabIndex={0} style={{ whiteSpace: 'nowrap' }}>
        {isAgo ? timeAgo(at, Date.now()) : localTime(at)}
      </Text>
    </Tooltip>
  );
}
