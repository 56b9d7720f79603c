import { type DeviceFilter, deviceFilterNames } from '../../api/filters.ts';
import { platformName } from '../../components/platform.tsx';
import { picked } from './picked.ts';

/** The filter in an address; what is not of it is dropped. */
export function deviceFilterOf(search: Readonly<Record<string, unknown>>): DeviceFilter {
  return picked(deviceFilterNames, search);
}

const words: Readonly<Record<keyof DeviceFilter, (value: string) => string>> = {
  q: (value) => `named ${value}`,
  bundle: (value) => `running ${value}`,
  version_name: (value) => `running ${value}`,
  native_version: (value) => `native version ${value}`,
  plugin_version: (value) => `plugin ${value}`,
  channel: (value) => `served by ${value}`,
  has_channel: () => 'served by no channel',
  platform: (value) => platformName(value),
  active_since: (value) => `there since ${value} (UTC)`,
  failed_bundle: (value) => `failed with ${value}`,
};

/** What the list is narrowed to beside what its fields show, each for people. */
export function filterInWords(
  filter: DeviceFilter,
  shown: readonly (keyof DeviceFilter)[],
): readonly { readonly name: keyof DeviceFilter; readonly text: string }[] {
  return deviceFilterNames.flatMap((name) => {
    const value = filter[name];
    return value === undefined || shown.includes(name) ? [] : [{ name, text: words[name](value) }];
  });
}
