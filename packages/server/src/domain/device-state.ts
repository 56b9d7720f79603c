/** What is remembered of one device; most devices have none of it. */
export interface DeviceState {
  /** The channel an operator pinned it to. */
  readonly overrideChannelId: number | null;
  /** The channel a device of an older plugin chose; newer ones keep it themselves. */
  readonly selfSetChannelId: number | null;
  /** How often it failed to install a bundle, by version name; bundles it may still be offered can be left out. */
  readonly failedInstalls: ReadonlyMap<string, number>;
}

export const noDeviceState: DeviceState = {
  overrideChannelId: null,
  selfSetChannelId: null,
  failedInstalls: new Map(),
};
