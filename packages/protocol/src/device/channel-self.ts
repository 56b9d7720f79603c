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
    version_name: text(255, 'The bundle it runs', '1.0.1'),
    version_build: text(255, 'Its native version', '1.0.0'),
    version_code: Type.Optional(UncheckedNativeBuildField),
    plugin_version: Type.Optional(text(128, 'Version of the plugin', '8.3.1')),
    channel: Type.Optional(text(255, 'The channel to set', 'beta')),
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

const channelName = Type.String({ description: 'Name of the channel', examples: ['production'] });
const refusal = Type.Object(
  {
    error: Type.String({ description: 'A code for programs', examples: ['channel_not_found'] }),
    message: Type.String({ description: 'A sentence for people', examples: ['Cannot find channel'] }),
    status: Type.Literal('error', { description: 'Nothing was done' }),
    channel: Type.Optional(
      Type.String({ description: 'The channel that was asked for', examples: ['beta'] }),
    ),
    app_id: Type.Optional(AppIdField),
  },
  { title: 'ChannelRefusal', description: 'A refusal that is no failure of the request' },
);

/** The answers of `POST`, and of `DELETE`, `/channel_self`. */
export const ChannelSetAnswer = Type.Union(
  [
    Type.Object({
      status: Type.Literal('ok', { description: 'It is as the device wants it' }),
      allowSet: Type.Optional(
        Type.Literal(true, { description: 'There when the plugin is to keep the channel itself' }),
      ),
    }),
    refusal,
  ],
  { description: 'Whether the channel is set' },
);

/** The answers of `PUT /channel_self`. */
export const ChannelGetAnswer = Type.Union(
  [
    Type.Object({
      channel: channelName,
      status: Type.Union([Type.Literal('override'), Type.Literal('default')], {
        description: 'Whether somebody chose it for this device',
        examples: ['default'],
      }),
      allowSet: Type.Optional(
        Type.Boolean({
          description: 'Of an override: whether devices may choose the channel',
          examples: [true],
        }),
      ),
    }),
    refusal,
  ],
  { description: 'The channel that serves the device' },
);

const listedChannels = Type.Array(
  Type.Object({
    id: Type.Integer({ minimum: 1, description: 'Number of the channel', examples: [3] }),
    name: channelName,
    public: Type.Boolean({ description: 'Whether it serves devices that chose none', examples: [false] }),
    allow_self_set: Type.Boolean({ description: 'Whether devices may choose it', examples: [true] }),
  }),
  { description: 'The channels a device may choose' },
);

/** The answers of `GET /channel_self`: Electron has shapes of its own (protocol §6.9). */
export const ChannelListAnswer = Type.Union(
  [
    listedChannels,
    Type.Object({ channels: listedChannels }, { description: 'To Electron, which asks with `action=list`' }),
    Type.Object(
      {
        channel: channelName,
        allow_set: Type.Boolean({ description: 'Whether devices may choose the channel', examples: [true] }),
        status: Type.Union([Type.Literal('override'), Type.Literal('default')], {
          description: 'Whether somebody chose it for this device',
          examples: ['default'],
        }),
      },
      { description: 'To Electron, which reads its channel with `GET`' },
    ),
    refusal,
  ],
  { description: 'The channels a device may choose, or the one of an Electron device' },
);
