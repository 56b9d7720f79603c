import type { Channel, UpdatePolicy } from '../../api/channels.ts';
import { platformNames } from '../../components/platform.tsx';

export const policyWords: Readonly<Record<UpdatePolicy, string>> = {
  major: 'Withholds bundles of another major version than the native app’s',
  minor: 'Withholds bundles of another major or minor version than the native app’s',
  patch: 'Withholds bundles of another major, minor or patch version than the native app’s',
  version_number: 'Withholds a bundle from native apps below its own minimum version',
  none: 'Lets every bundle go to every native app',
};

type Rules = Pick<
  Channel,
  | 'public'
  | 'ios'
  | 'android'
  | 'electron'
  | 'allow_device_self_set'
  | 'allow_emulator'
  | 'allow_device'
  | 'allow_dev'
  | 'allow_prod'
  | 'disableAutoUpdate'
  | 'disableAutoUpdateUnderNative'
>;

function listed(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? 'nothing';
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** Who gets the channel. */
function audience(rules: Rules): string {
  const platforms = (Object.keys(platformNames) as (keyof typeof platformNames)[]).filter(
    (name) => rules[name],
  );
  if (platforms.length === 0) return 'Serves no platform, so no device gets anything from it.';
  const where =
    platforms.length === 3 ? 'every platform' : listed(platforms.map((name) => platformNames[name]));
  if (rules.public) return `Serves ${where}: every device that names no other channel.`;
  return rules.allow_device_self_set
    ? `Serves ${where}: devices that choose it or that you pin to it.`
    : `Serves ${where}: devices whose configuration names it may not take it by themselves; you pin them to it.`;
}

/** Whom it turns away: builds and machines. */
function exclusions(rules: Rules): string | undefined {
  const refused = [
    ...(rules.allow_prod ? [] : ['release builds']),
    ...(rules.allow_dev ? [] : ['debug builds']),
    ...(rules.allow_device ? [] : ['real devices']),
    ...(rules.allow_emulator ? [] : ['emulators']),
  ];
  return refused.length === 0 ? undefined : `Turns away ${listed(refused)}.`;
}

/** The rules of a channel as sentences, the most telling first. */
export function rulesInWords(rules: Rules): readonly string[] {
  const turnedAway = exclusions(rules);
  return [
    audience(rules),
    ...(rules.public && rules.allow_device_self_set ? ['Devices may also choose it themselves.'] : []),
    ...(turnedAway === undefined ? [] : [turnedAway]),
    `${policyWords[rules.disableAutoUpdate]}.`,
    rules.disableAutoUpdateUnderNative
      ? 'Never gives a bundle that is older than the native app.'
      : 'May give a bundle that is older than the native app.',
  ];
}

/** How a rollout stands, in a word or two. */
export function rolloutState(
  channel: Pick<
    Channel,
    'rollout_version_info' | 'rolloutEnabled' | 'rolloutPausedAt' | 'rolloutPercentageBps'
  >,
): 'none' | 'off' | 'paused' | 'running' | 'everybody' {
  if (channel.rollout_version_info === null) return 'none';
  if (!channel.rolloutEnabled) return 'off';
  if (channel.rolloutPausedAt !== null) return 'paused';
  return channel.rolloutPercentageBps >= 10_000 ? 'everybody' : 'running';
}

/** How many devices a share of them is: some, where it is not none. */
export function devicesOfShare(devices: number, percent: number): number {
  const exact = (devices * percent) / 100;
  return exact > 0 ? Math.max(1, Math.round(exact)) : 0;
}
