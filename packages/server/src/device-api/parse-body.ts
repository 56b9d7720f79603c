import { ChannelListQuery, ChannelSelfBody } from '@capgo-server/protocol/device/channel-self';
import { DeviceEventBody } from '@capgo-server/protocol/device/device-events';
import { ManifestSizeBody } from '@capgo-server/protocol/device/manifest-size';
import { UpdateCheckBody } from '@capgo-server/protocol/device/update-check';
import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import { coerceNativeVersion, plainVersion } from '@capgo-server/protocol/formats/native-version';
import { parseSemver } from '@capgo-server/protocol/formats/semver';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';
import { AppError } from '../domain/errors.ts';

const ajv = new Ajv({
  allErrors: true,
  formats: { semver: (value: string) => plainVersion.test(value) || parseSemver(value) !== undefined },
});

type RawBody = Record<string, unknown>;

interface FieldMessages {
  readonly name: string;
  readonly wrong: string;
}

/** The sentences of protocol §1.5, for the fields that have their own. */
const fieldMessages: Readonly<Record<string, FieldMessages>> = {
  app_id: { name: 'App ID', wrong: 'App ID must be a reverse domain string' },
  device_id: { name: 'Device ID', wrong: 'Device ID must be a valid UUID string' },
  version_name: { name: 'Version name', wrong: 'Version name is required' },
  version_build: { name: 'Version build', wrong: 'Version build is required' },
  version_os: { name: 'Version OS', wrong: 'Version OS is invalid' },
  platform: { name: 'Platform', wrong: 'Platform is not supported or invalid' },
  plugin_version: { name: 'plugin_version', wrong: 'Plugin version is invalid' },
  action: { name: 'Action', wrong: 'Action must be 1 to 64 letters, digits or _.:-' },
};

/** The field a fault is about; what lies below it was named by the sender. */
function fieldOf(fault: ErrorObject): string {
  return fault.instancePath.split('/')[1] ?? String(fault.params['missingProperty'] ?? '');
}

function describe(fault: ErrorObject, field: string): string {
  const messages = fieldMessages[field] ?? { name: field, wrong: `${field} is not valid` };
  switch (fault.keyword) {
    case 'required':
      return `${messages.name} is required`;
    case 'type':
      return `${messages.name} must be a ${String(fault.params['type'])}`;
    case 'maxLength':
      return `String must contain at most ${String(fault.params['limit'])} character(s)`;
    default:
      return messages.wrong;
  }
}

/**
 * What was wrong with which field, the first fault of each, never with what it held: the request is not echoed
 * (protocol §0.3 D7).
 */
function schemaFault(code: ErrorCode, faults: readonly ErrorObject[]): AppError {
  const messages = new Map<string, string>();
  for (const fault of faults) {
    const field = fieldOf(fault);
    if (!messages.has(field)) messages.set(field, describe(fault, field));
  }
  const issues = [...messages].map(([field, message]) => ({ message, path: [field], code: 'custom' }));
  return new AppError(code, 'Cannot parse body', {
    details: { parseResult: { success: false, error: { name: 'SchemaError', issues } } },
  });
}

/**
 * A text that the protocol does not validate: '' when absent, and so is what is no text, too long, or holds NUL, which
 * not every database takes.
 */
export function textOf(given: object, field: string, maxLength = 255): string {
  const value = (given as RawBody)[field];
  const isUsable = typeof value === 'string' && value.length <= maxLength && !value.includes('\0');
  return isUsable ? value : '';
}

interface RouteRules {
  readonly invalidCode: 'invalid_json_body' | 'invalid_query_parameters';
  readonly needsDeviceId: boolean;
}

/** A body that has passed every step, with what releases are found by beside it, as it was sent. */
export interface ParsedBody<Schema extends TSchema> {
  readonly body: Static<Schema>;
  /** `version_build` before coercion, which takes at most 256 characters; '' when absent. */
  readonly rawVersionBuild: string;
  /** `version_code`; '' when absent. */
  readonly rawVersionCode: string;
}

/**
 * The parse pipeline of protocol §1.4 from step 2 on; its order can be seen from outside and is kept. Changes the
 * body in place: it belongs to nobody else.
 */
function createParser<Schema extends TSchema>(schema: Schema, rules: RouteRules) {
  const isValid: ValidateFunction = ajv.compile(schema);
  return (raw: unknown): ParsedBody<Schema> => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw) || Object.keys(raw).length === 0) {
      throw new AppError(rules.invalidCode, 'Cannot parse body');
    }
    const body = raw as RawBody;
    if (typeof body['device_id'] === 'string') body['device_id'] = body['device_id'].toLowerCase();
    if (rules.needsDeviceId && !body['device_id'])
      throw new AppError('missing_device_id', 'Missing device_id');
    if (!body['app_id']) throw new AppError('missing_app_id', 'Missing app_id');
    const versionBuild = body['version_build'];
    if (typeof versionBuild === 'string' && versionBuild !== '') {
      const coerced = coerceNativeVersion(versionBuild);
      if (coerced === undefined) {
        throw new AppError(
          'semver_error',
          'Native version doesn\'t follow semver convention, set "version" in capacitor.config',
        );
      }
      body['version_build'] = coerced;
    }
    body['is_emulator'] ??= false;
    body['is_prod'] ??= true;
    if (body['version_name'] === 'builtin') body['version_name'] = body['version_build'];
    if (!isValid(body)) throw schemaFault(rules.invalidCode, isValid.errors ?? []);
    return {
      body: body as Static<Schema>,
      rawVersionBuild: typeof versionBuild === 'string' ? versionBuild : '',
      rawVersionCode: textOf(body, 'version_code'),
    };
  };
}

const jsonRoute: RouteRules = { invalidCode: 'invalid_json_body', needsDeviceId: true };
export const parseUpdateCheck = createParser(UpdateCheckBody, jsonRoute);
export const parseManifestSize = createParser(ManifestSizeBody, jsonRoute);
export const parseDeviceEvent = createParser(DeviceEventBody, jsonRoute);
export const parseChannelSelf = createParser(ChannelSelfBody, jsonRoute);
export const parseChannelSelfQuery = createParser(ChannelSelfBody, {
  ...jsonRoute,
  invalidCode: 'invalid_query_parameters',
});
export const parseChannelListQuery = createParser(ChannelListQuery, {
  invalidCode: 'invalid_query_parameters',
  needsDeviceId: false,
});

const booleanFields = ['is_emulator', 'is_prod'];
const queryFields = [
  ...['version_name', 'version_build', 'platform', 'app_id', 'device_id', 'plugin_version', 'defaultChannel'],
  ...['channel', 'custom_id', 'is_emulator', 'is_prod', 'install_source', 'version_os', 'key_id'],
  // Beyond the protocol's list: a device's channel depends on its release (protocol §0.3 D2).
  'version_code',
];

/** Rejects what the query parser would take for text as it stands: broken escapes, and escapes that are no UTF-8. */
function requireDecodable(url: string): void {
  try {
    decodeURIComponent(url);
  } catch (cause) {
    const message = 'Cannot parse query: it is not percent-encoded UTF-8';
    throw new AppError('invalid_query_parameters', message, { cause });
  }
}

/** The body that a query string stands for: the known keys, of a repeated one the first (protocol §1.4). */
export function bodyOfQuery({ url, query }: { readonly url: string; readonly query: unknown }): RawBody {
  requireDecodable(url);
  const given = query as Record<string, string | string[] | undefined>;
  const body: RawBody = {};
  for (const field of queryFields) {
    const value = given[field];
    const text = Array.isArray(value) ? value[0] : value;
    if (text === undefined) continue;
    body[field] = booleanFields.includes(field) ? text === 'true' : text;
  }
  return body;
}
