import { type Static, Type } from 'typebox';

/** A device of the inventory as the management API shows it; times are ISO 8601 in UTC. */
export interface DeviceView {
  readonly app_id: string;
  readonly device_id: string;
  readonly platform: string;
  readonly plugin_version: string | null;
  readonly version_os: string | null;
  readonly version_build: string | null;
  readonly version_code: string | null;
  /** The bundle it ran when it was last heard of. */
  readonly version_name: string | null;
  readonly custom_id: string | null;
  readonly is_emulator: boolean;
  readonly is_prod: boolean;
  readonly default_channel: string | null;
  readonly key_id: string | null;
  readonly install_source: string | null;
  readonly first_seen: string;
  readonly last_seen: string;
}

/** The counters of one day, bundle, channel and platform. */
export interface CounterView {
  /** UTC day, `2026-01-31`. */
  readonly date: string;
  /** A bundle's version name, `builtin` or `unknown`. */
  readonly bundle: string;
  /** null when no channel served the devices. */
  readonly channel: string | null;
  /** `ios`, `android` or `electron`; `unknown` for every other name. */
  readonly platform: string;
  readonly get: number;
  readonly install: number;
  readonly uninstall: number;
  readonly fail: number;
}

/** The short form of the body of `updates.explain`: a device that is known. The long form is a device's own request. */
export const KnownDeviceBody = Type.Object({
  app_id: Type.String({ description: 'The app, by its reverse-domain id' }),
  device_id: Type.String({ description: 'The installation: a UUID' }),
});
export type KnownDeviceBody = Static<typeof KnownDeviceBody>;

/** The answer of `updates.explain`. */
export interface ExplainView {
  /** What the device would get, to the letter. */
  readonly answer: object;
  readonly outcome: string;
  /** By which rule it was found what serves the device; null when nothing does. */
  readonly source: string | null;
  readonly channel: { readonly id: number; readonly name: string } | null;
  readonly release: {
    readonly id: string;
    readonly version_name: string;
    readonly version_code: string;
  } | null;
  /** The bundle that was considered, whatever became of it: its version name, `builtin`, or null when none was. */
  readonly bundle: string | null;
  /** Every step in order, and why it went as it did. */
  readonly steps: readonly { readonly step: string; readonly why: string }[];
}
