import { type Static, Type } from 'typebox';
import {
  AppIdField,
  DeviceIdField,
  optionalDeviceFields,
  PlatformField,
  text,
  UncheckedNativeBuildField,
} from './device-info.ts';

/** Body of `POST` and `PUT /channel_self`, and the query of `DELETE`, after their defaults are in place. */
export const ChannelSelfBody = Type.Object(
  {
    app_id: AppIdField,
    device_id: DeviceIdField,
    platform: PlatformField,
    version_name: text(255, 'The bundle it runs'),
    version_build: text(255, 'Its native version'),
    version_code: Type.Optional(UncheckedNativeBuildField),
    plugin_version: Type.Optional(text(128, 'Version of the plugin')),
    channel: Type.Optional(text(255, 'The channel to set')),
    ...optionalDeviceFields,
  },
  { description: 'What a device sends to read or change its channel' },
);
export type ChannelSelfBody = Static<typeof ChannelSelfBody>;

/** Query of `GET /channel_self`. */
export const ChannelListQuery = Type.Object(
  {
    app_id: AppIdField,
    platform: PlatformField,
    is_emulator: optionalDeviceFields.is_emulator,
    is_prod: optionalDeviceFields.is_prod,
    key_id: optionalDeviceFields.key_id,
  },
  { description: 'What a device sends to list the channels it may choose' },
);
export type ChannelListQuery = Static<typeof ChannelListQuery>;
