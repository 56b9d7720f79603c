import { parseSemver } from './semver.ts';

/** What nearly every device sends: three numbers and nothing else. */
export const plainVersion = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

/**
 * The native version of an app as update decisions compare it (protocol §1.6): `builtin` and `unknown` are 0.0.0,
 * missing parts are zero, the rest must be semver. Undefined when the text cannot be read so.
 */
export function coerceNativeVersion(text: string): string | undefined {
  if (plainVersion.test(text)) return text;
  if (text === 'builtin' || text === 'unknown') return '0.0.0';
  const dots = text.split('.').length - 1;
  const completed = dots === 0 ? `${text}.0.0` : dots === 1 ? `${text}.0` : text;
  return parseSemver(completed)?.text;
}
