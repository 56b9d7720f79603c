import semver from 'semver';

/** A parsed semantic version: three numbers and the pre-release and build parts, empty when absent. */
export interface SemanticVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly prerelease: readonly (string | number)[];
  /** Normalised text: no leading `v`, no blanks, build part kept. */
  readonly text: string;
}

/** Parses what a lenient semver parser takes: surrounding blanks and one leading `v` are dropped. */
export function parseSemver(text: string): SemanticVersion | undefined {
  const parsed = semver.parse(text);
  if (!parsed) return undefined;
  const build = parsed.build.length > 0 ? `+${parsed.build.join('.')}` : '';
  return {
    major: parsed.major,
    minor: parsed.minor,
    patch: parsed.patch,
    prerelease: parsed.prerelease,
    text: parsed.version + build,
  };
}

/** Semver precedence of two parseable versions: negative, zero or positive; build parts do not count. */
export function compareSemver(left: string, right: string): number {
  return semver.compare(left, right);
}

const versionNameMaxLength = 128;

/** A bundle's version name: strict SemVer 2.0 without a leading `v`, at most 128 characters. */
export function isVersionName(text: string): boolean {
  return text.length <= versionNameMaxLength && parseSemver(text)?.text === text;
}
