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

interface Parsed {
  readonly parsed: semver.SemVer;
  readonly version: SemanticVersion;
}

/** The versions in the field are few and asked for at every check; what is made up beyond them is only parsed again. */
const maxRemembered = 2_000;
const remembered = new Map<string, Parsed>();

function parse(text: string): Parsed | undefined {
  const known = remembered.get(text);
  if (known) return known;
  const parsed = semver.parse(text);
  if (!parsed) return undefined;
  const { major, minor, patch, prerelease } = parsed;
  const build = parsed.build.length > 0 ? `+${parsed.build.join('.')}` : '';
  const fresh = { parsed, version: { major, minor, patch, prerelease, text: parsed.version + build } };
  if (remembered.size >= maxRemembered) remembered.clear();
  remembered.set(text, fresh);
  return fresh;
}

/** Parses what a lenient semver parser takes: surrounding blanks and one leading `v` are dropped. */
export function parseSemver(text: string): SemanticVersion | undefined {
  return parse(text)?.version;
}

/** Semver precedence of two parseable versions: negative, zero or positive; build parts do not count. */
export function compareSemver(left: string, right: string): number {
  const [parsedLeft, parsedRight] = [parse(left), parse(right)];
  return parsedLeft && parsedRight
    ? parsedLeft.parsed.compare(parsedRight.parsed)
    : semver.compare(left, right);
}

const versionNameMaxLength = 128;

/** A bundle's version name: strict SemVer 2.0 without a leading `v`, at most 128 characters. */
export function isVersionName(text: string): boolean {
  return text.length <= versionNameMaxLength && parseSemver(text)?.text === text;
}
