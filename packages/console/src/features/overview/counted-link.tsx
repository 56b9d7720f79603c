import { Text } from '@mantine/core';
import { count } from '../../components/amounts.ts';
import { TextLink } from '../../components/links.tsx';
import { deviceFilterOf } from '../devices/device-filter.ts';
import { eventFilterOf } from '../devices/event-filter.ts';

type Filter = Readonly<Record<string, string>>;

interface Counted {
  readonly appId: string;
  readonly value: number;
  readonly filter: Filter | null;
}

const Plain = ({ value }: { readonly value: number }) => (
  <Text span inherit>
    {count(value)}
  </Text>
);

/** A number that leads to the devices behind it, where the server can list them. */
export function DevicesLink({ appId, value, filter }: Counted) {
  if (filter === null || value === 0) return <Plain value={value} />;
  return (
    <TextLink to="/apps/$appId/devices" params={{ appId }} search={deviceFilterOf(filter)} inherit>
      {count(value)}
    </TextLink>
  );
}

/** A number of things that happened, which leads to the events and by them to the devices. */
export function EventsLink({ appId, value, filter }: Counted) {
  if (filter === null || value === 0) return <Plain value={value} />;
  return (
    <TextLink to="/apps/$appId/events" params={{ appId }} search={eventFilterOf(filter)} inherit>
      {count(value)}
    </TextLink>
  );
}
