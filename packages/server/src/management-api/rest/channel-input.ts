import { parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { AutoPause, AutoPauseAction } from '../../domain/auto-pause.ts';
import { type UpdatePackage, type UpdatePolicy, updatePackages } from '../../domain/channel.ts';
import type { ChannelPatch } from '../../services/channel-changes.ts';
import { RestError } from './rest-error.ts';
import { flagField, givenValue, numberField, textField } from './rest-fields.ts';
import type { RestInput } from './rest-input.ts';

/** A name of the documentation, and the same in snake_case. */
function both(camelCase: string): readonly [string, string] {
  return [camelCase, camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
}

/** Whether the input names it at all; null is an answer, too. */
function isGiven(input: RestInput, names: readonly string[]): boolean {
  return names.some((name) => input[name] !== undefined);
}

/** Only what there is, so that what there is not stays as it is. */
function onlyGiven<Given extends Record<string, unknown>>(given: Given) {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as {
    [Name in keyof Given]?: Exclude<Given[Name], undefined>;
  };
}

function outOfRange(field: string, value: unknown, min: number, max: number): RestError {
  return new RestError('invalid_rollout_config', `${field} must be a whole number from ${min} to ${max}`, {
    details: { field, value, min, max },
  });
}

function wholeNumber(input: RestInput, field: string, min: number, max: number): number | undefined {
  const value = numberField(input, ...both(field));
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return value;
  throw outOfRange(field, givenValue(input, ...both(field)), min, max);
}

/** The same, where null is an answer: none. */
function wholeNumberOrNull(
  input: RestInput,
  field: string,
  min: number,
  max: number,
): number | null | undefined {
  return wholeNumber(input, field, min, max) ?? (isGiven(input, both(field)) ? null : undefined);
}

const policies: Readonly<Record<string, UpdatePolicy>> = {
  ...{ major: 'major', minor: 'minor', patch: 'patch', none: 'none' },
  // The documentation's word and that of the wire for the same (protocol §0.3 D10).
  ...{ metadata: 'version_number', version_number: 'version_number' },
};

function policyOf(input: RestInput): UpdatePolicy | undefined {
  const text = textField(input, ...both('disableAutoUpdate'));
  if (text === undefined) return undefined;
  const policy = Object.hasOwn(policies, text) ? policies[text] : undefined;
  if (policy) return policy;
  throw new RestError(
    'invalid_disable_auto_update',
    `disableAutoUpdate must be one of ${Object.keys(policies).join(', ')}`,
    { documentedText: 'Invalid disableAutoUpdate value' },
  );
}

function updatePackageOf(input: RestInput): UpdatePackage | undefined {
  const text = textField(input, ...both('updatePackage'));
  if (text === undefined) return undefined;
  const updatePackage = updatePackages.find((known) => known === text);
  if (updatePackage) return updatePackage;
  throw new RestError('invalid_update_package', `updatePackage must be one of ${updatePackages.join(', ')}`);
}

function settingsOf(input: RestInput): ChannelPatch['settings'] {
  const [ios, android] = [flagField(input, 'ios'), flagField(input, 'android')];
  const isPublic = flagField(input, 'public');
  const given = flagField(input, 'electron');
  // Whoever makes one platform public and not the other, and does not know of the third, means one of two.
  const isOneOfTwo = isPublic === true && ios !== undefined && android !== undefined && ios !== android;
  const electron = given ?? (isOneOfTwo ? false : undefined);
  const platforms = onlyGiven({ ios, android, electron });
  return onlyGiven({
    isPublic,
    ...(Object.keys(platforms).length > 0 ? { platforms } : {}),
    policy: policyOf(input),
    updatePackage: updatePackageOf(input),
    allowDeviceSelfSet: flagField(input, 'allow_device_self_set'),
    allowEmulator: flagField(input, 'allow_emulator'),
    allowDevice: flagField(input, 'allow_device'),
    allowDev: flagField(input, 'allow_dev'),
    allowProd: flagField(input, 'allow_prod'),
    blocksUnderNative: flagField(input, ...both('disableAutoUpdateUnderNative')),
    autoPause: autoPauseOf(input),
  }) as ChannelPatch['settings'];
}

function isAutoPauseAction(text: string): text is AutoPauseAction {
  return text === 'pause' || text === 'rollback' || text === 'notify';
}

function autoPauseOf(input: RestInput): Partial<AutoPause> | undefined {
  const confidence = numberField(input, ...both('autoPauseConfidence'));
  if (confidence !== undefined && !(confidence > 0 && confidence < 1)) {
    throw new RestError('invalid_auto_pause_confidence', 'autoPauseConfidence must lie between 0 and 1');
  }
  const action = textField(input, ...both('autoPauseAction'));
  if (action !== undefined && !isAutoPauseAction(action)) {
    throw new RestError('invalid_auto_pause_action', 'autoPauseAction must be pause, rollback or notify');
  }
  const most = Number.MAX_SAFE_INTEGER;
  const given = onlyGiven({
    ...{ confidence, action },
    isEnabled: flagField(input, ...both('autoPauseEnabled')),
    windowMinutes: wholeNumber(input, 'autoPauseWindowMinutes', 1, 10_080),
    cooldownMinutes: wholeNumber(input, 'autoPauseCooldownMinutes', 0, 10_080),
    failureRateBps: wholeNumberOrNull(input, 'autoPauseFailureRateBps', 0, 10_000),
    minAttempts: wholeNumberOrNull(input, 'autoPauseMinAttempts', 0, most),
    minFailures: wholeNumberOrNull(input, 'autoPauseMinFailures', 0, most),
  });
  return Object.keys(given).length > 0 ? given : undefined;
}

function percentageBpsOf(input: RestInput): number | undefined {
  const bps = wholeNumber(input, 'rolloutPercentageBps', 0, 10_000);
  const percentage = numberField(input, ...both('rolloutPercentage'));
  if (percentage !== undefined && !(percentage >= 0 && percentage <= 100)) {
    throw new RestError('invalid_rollout_percentage', 'rolloutPercentage must be a number from 0 to 100');
  }
  return bps ?? (percentage === undefined ? undefined : Math.round(percentage * 100));
}

/** Since when the rollout pauses; null when it does not. */
function pausedAtOf(input: RestInput, nowMs: number): number | null | undefined {
  const names = both('rolloutPausedAt');
  if (isGiven(input, names)) {
    const given = givenValue(input, ...names);
    if (given === undefined || given === false) return null;
    const timeMs = typeof given === 'string' ? parseTimestamp(given) : undefined;
    if (timeMs !== undefined) return timeMs;
    throw new RestError('invalid_body', 'rolloutPausedAt must be a date-time with zone, or null');
  }
  const isPaused = flagField(input, ...both('rolloutPaused'));
  return isPaused === undefined ? undefined : isPaused ? nowMs : null;
}

function pauseReasonOf(input: RestInput): string | null | undefined {
  const reason = textField(input, ...both('rolloutPauseReason'));
  if (reason !== undefined && reason.length > 2_048) {
    throw new RestError('invalid_body', 'rolloutPauseReason must be at most 2048 characters');
  }
  return reason ?? (isGiven(input, both('rolloutPauseReason')) ? null : undefined);
}

/** What is said of a bundle: which one, none, or nothing. */
export type BundleChoice = { readonly name: string } | { readonly number: number } | null | undefined;

const wordsForBuiltin: ReadonlySet<string> = new Set(['', 'unknown', 'builtin']);

function versionOf(input: RestInput): BundleChoice {
  const name = textField(input, 'version');
  if (name === undefined) return isGiven(input, ['version']) ? null : undefined;
  return wordsForBuiltin.has(name) ? null : { name };
}

function rolloutVersionOf(input: RestInput): BundleChoice {
  const names = both('rolloutVersion');
  const value = givenValue(input, ...names);
  if (value === undefined) return isGiven(input, names) ? null : undefined;
  if (typeof value === 'number') return { number: value };
  const name = textField(input, ...names) ?? '';
  if (name === '') return null;
  return /^\d{1,15}$/.test(name) ? { number: Number(name) } : { name };
}

/** What a request says of a channel, with the bundles still by what they are called there. */
export interface ChannelInput {
  readonly version: BundleChoice;
  readonly rolloutVersion: BundleChoice;
  readonly patch: ChannelPatch;
}

/** Reads and checks what a request says of a channel, null and camelCase first, as that API does. */
export function channelInput(input: RestInput, nowMs: number): ChannelInput {
  const pausedAtMs = pausedAtOf(input, nowMs);
  const isResumed = pausedAtMs === null;
  const rollout = onlyGiven({
    percentageBps: percentageBpsOf(input),
    isEnabled: flagField(input, ...both('rolloutEnabled')),
    cacheTtlSeconds: wholeNumber(input, 'rolloutCacheTtlSeconds', 60, 31_536_000),
    pausedAtMs,
    pauseReason: isResumed ? null : pauseReasonOf(input),
  });
  const isPromoted = flagField(input, ...both('promoteToStable')) === true;
  const isCancelled = flagField(input, 'rollback') === true;
  const settings = settingsOf(input);
  return {
    version: versionOf(input),
    rolloutVersion: rolloutVersionOf(input),
    patch: {
      ...(settings && Object.keys(settings).length > 0 ? { settings } : {}),
      ...(Object.keys(rollout).length > 0 ? { rollout } : {}),
      ...(flagField(input, ...both('advanceRollout')) ? { advancesRollout: true } : {}),
      ...(isPromoted ? { endsRollout: 'promote' as const } : {}),
      ...(isCancelled && !isPromoted ? { endsRollout: 'cancel' as const } : {}),
    },
  };
}
