import { type Static, Type } from 'typebox';
import { AppIdField, DeviceIdField, optionalDeviceFields, text, withoutNul } from './device-info.ts';

/** Actions we know (protocol §5.4); others are stored as they are. */
export const knownActions: readonly string[] = [
  ...['get', 'noNew', 'missingBundle', 'cannotGetBundle', 'keyMismatch', 'channelMisconfigured'],
  ...['NoChannelOrOverride', 'needPlanUpgrade', 'backend_refusal'],
  ...['disablePlatformIos', 'disablePlatformAndroid', 'disablePlatformElectron'],
  ...['disableAutoUpdateToMajor', 'disableAutoUpdateToMinor', 'disableAutoUpdateToPatch'],
  ...['disableAutoUpdateMetadata', 'disableAutoUpdateUnderNative', 'disableAutoUpdate'],
  ...[
    'disableProdBuild',
    'disableDevBuild',
    'disableDevice',
    'disableEmulator',
    'cannotUpdateViaPrivateChannel',
  ],
  ...['setChannel', 'getChannel', 'uninstall', 'customIdBlocked', 'rateLimited', 'InvalidIp', 'ping'],
  ...['set', 'set_next', 'set_fail', 'reset', 'delete', 'update_fail', 'revert'],
  ...[0, 10, 20, 30, 40, 50, 60, 70, 80, 90].map((percent) => `download_${percent}`),
  ...['download_complete', 'download_fail', 'finish_download_fail'],
  ...['download_zip_start', 'download_zip_complete', 'download_manifest_start', 'download_manifest_complete'],
  ...['download_manifest_file_fail', 'download_manifest_checksum_fail', 'download_manifest_brotli_fail'],
  ...['manifest_path_fail', 'decrypt_fail', 'checksum_fail', 'checksum_required', 'low_mem_fail'],
  ...[
    'insufficient_disk_space',
    'windows_path_fail',
    'canonical_path_fail',
    'directory_path_fail',
    'unzip_fail',
  ],
  ...['blocked_by_server_url', 'rate_limit_reached', 'app_moved_to_foreground', 'app_moved_to_background'],
  ...[
    'app_launch_start',
    'app_launch_ready',
    'app_launch_timeout',
    'app_crash',
    'app_crash_native',
    'app_anr',
  ],
  ...['app_killed_low_memory', 'app_killed_excessive_resource_usage', 'app_initialization_failure'],
  ...[
    'app_memory_warning',
    'webview_javascript_error',
    'webview_unhandled_rejection',
    'webview_resource_error',
  ],
  ...['webview_security_policy_violation', 'webview_unclean_restart', 'webview_render_process_gone'],
  ...['webview_content_process_terminated', 'webview_dom_content_loaded', 'webview_page_loaded'],
  ...['os_version_changed', 'native_app_version_changed'],
];

/** Most events of one request. */
export const maxEventsPerBatch = 1_000;

/** One event of `POST /stats` after its defaults are in place; keys that are not named here are ignored. */
export const DeviceEventBody = Type.Object(
  {
    app_id: AppIdField,
    device_id: DeviceIdField,
    platform: text(64, 'The operating system of the device', 'android', { emptyAllowed: false }),
    action: Type.String({
      maxLength: 64,
      pattern: '^[A-Za-z0-9_.:-]+$',
      description: 'What happened',
      examples: ['set'],
    }),
    version_name: text(2_048, 'The bundle it is about, or `<bundle>:<file>`', '1.0.1'),
    version_os: text(255, 'Version of the operating system', '15'),
    old_version_name: Type.Optional(text(255, 'The bundle that ran before; "" for none', '1.0.0')),
    version_build: Type.Optional(text(255, 'Its native version', '1.0.0')),
    version_code: Type.Optional(text(255, 'Its native build number', '42')),
    plugin_version: Type.Optional(text(128, 'Version of the plugin', '8.3.1')),
    // Electron sends null where the others send "".
    custom_id: Type.Optional(
      Type.Union([text(36, "The app's own name for the device or its user", 'user-17'), Type.Null()], {
        description: "The app's own name for the device or its user",
        examples: ['user-17'],
      }),
    ),
    metadata: Type.Optional(
      Type.Object(
        {},
        {
          maxProperties: 30,
          propertyNames: { maxLength: 64, pattern: withoutNul },
          additionalProperties: text(2_048, 'A fact about the event', 'timeout'),
          description: 'Facts about the event',
          examples: [{ error: 'timeout' }],
        },
      ),
    ),
    ...optionalDeviceFields,
  },
  { description: 'One thing a device reports' },
);
export type DeviceEventBody = Static<typeof DeviceEventBody>;

/** Body of `POST /stats`. */
export const DeviceEventsBody = Type.Union(
  [
    DeviceEventBody,
    Type.Array(DeviceEventBody, { maxItems: maxEventsPerBatch, description: 'Events of one app' }),
  ],
  { description: 'One event, or a batch' },
);

const indexField = Type.Integer({
  minimum: 0,
  description: 'Place of the event in the batch',
  examples: [0],
});
const errorFields = {
  error: Type.String({ description: 'A code for programs', examples: ['app_not_found'] }),
  message: Type.String({ description: 'A sentence for people', examples: ['App not found'] }),
};

/** The answer to one event of a batch, at the same place as the event. */
export const DeviceEventResult = Type.Union(
  [
    Type.Object({
      status: Type.Literal('ok', { description: 'The event is kept' }),
      index: indexField,
    }),
    Type.Object({
      status: Type.Literal('error', { description: 'The event is not kept' }),
      ...errorFields,
      index: indexField,
    }),
  ],
  { description: 'What became of the event at the same place' },
);
export type DeviceEventResult = Static<typeof DeviceEventResult>;

/** Answers that are no failure of the request. */
export const DeviceEventsAnswer = Type.Union(
  [
    Type.Object({ status: Type.Literal('ok', { description: 'The event is kept' }) }),
    Type.Object({
      status: Type.Literal('ok', { description: 'The batch was read' }),
      results: Type.Array(DeviceEventResult, { description: 'What became of each event' }),
    }),
    Type.Object(errorFields, { description: 'Nothing is kept, and telling it again does not help' }),
  ],
  { description: 'What became of the events' },
);
