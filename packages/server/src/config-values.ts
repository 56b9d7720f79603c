import { accessSync, constants, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { type Role, roles } from './domain/access.ts';

/*
 * What values of settings look like: each function reads one kind of text. They throw `UnacceptableValue`, whose problems
 * say what to write instead and never repeat a secret.
 */

/** What a setting holds before it is read: the text as written, or the entries of a YAML list. */
export type Raw = string | readonly string[];

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const deliveries = ['proxy', 'redirect', 'cdn'] as const;

export class UnacceptableValue extends Error {
  readonly problems: readonly string[];

  constructor(...problems: string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

type ParseText<T> = (text: string, workingDirectory: string) => T;

export function single<T>(parse: ParseText<T>) {
  return (raw: Raw, workingDirectory: string): T => {
    if (typeof raw !== 'string') throw new UnacceptableValue('must be a single value, not a list');
    return parse(raw.trim(), workingDirectory);
  };
}

/** Comma-separated text or a YAML list. Blanks between commas are skipped; a blank YAML entry is a fault. */
export function listOf<T>(parse: ParseText<T>) {
  return (raw: Raw, workingDirectory: string): readonly T[] => {
    if (raw === '') return [];
    const entries =
      typeof raw === 'string'
        ? raw.split(',').flatMap((entry) => entry.trim() || [])
        : raw.map((entry) => entry.trim());
    if (typeof raw === 'string' && entries.length === 0) throw new UnacceptableValue('holds only blanks');
    const problems: string[] = [];
    const parsed: T[] = [];
    for (const [index, entry] of entries.entries()) {
      try {
        if (entry === '') throw new UnacceptableValue('is blank');
        parsed.push(parse(entry, workingDirectory));
      } catch (error) {
        if (!(error instanceof UnacceptableValue)) throw error;
        problems.push(...error.problems.map((problem) => `entry ${index + 1} ${problem}`));
      }
    }
    if (problems.length > 0) throw new UnacceptableValue(...problems);
    return parsed;
  };
}

export function managementTokens(raw: Raw, workingDirectory: string): readonly string[] {
  const tokens = listOf((token) => {
    // Typical for a secret file with one token per line, which would silently become one useless token.
    if (/\s/.test(token)) {
      throw new UnacceptableValue('contains a blank or a line break; separate tokens by commas');
    }
    return token;
  })(raw, workingDirectory);
  if (tokens.length === 0) throw new UnacceptableValue('holds no token; remove it, or add one');
  return tokens;
}

export function nonBlank(text: string): string {
  if (text === '') throw new UnacceptableValue('must not be blank');
  return text;
}

export function path(text: string, workingDirectory: string): string {
  return resolve(workingDirectory, nonBlank(text));
}

export function readableFile(text: string, workingDirectory: string): string {
  const file = path(text, workingDirectory);
  try {
    accessSync(file, constants.R_OK);
    if (!statSync(file).isFile()) throw new UnacceptableValue(`${file} is not a file`);
  } catch (error) {
    if (error instanceof UnacceptableValue) throw error;
    throw new UnacceptableValue(`cannot read the file ${file} (${reasonOf(error)})`);
  }
  return file;
}

export function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new UnacceptableValue(`must be a port number from 0 to 65535, not ${quoted(text)}`);
  }
  return Number(text);
}

export function wholeNumber(unit: string, minimum: number, maximum?: number): ParseText<number> {
  const most = maximum ?? Number.MAX_SAFE_INTEGER;
  const range = maximum === undefined ? `at least ${minimum}` : `${minimum} to ${maximum}`;
  return (text) => {
    if (!/^\d+$/.test(text) || Number(text) > most || Number(text) < minimum) {
      throw new UnacceptableValue(`must be a whole number of ${unit}, ${range}, not ${quoted(text)}`);
    }
    return Number(text);
  };
}

const nanosecondsPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  // U+00B5 and U+03BC look alike; Go's time.ParseDuration takes both.
  '\u00b5s': 1e3,
  '\u03bcs': 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};

/** The grammar of Go's `time.ParseDuration`, without negative results; returns milliseconds. */
export function duration(text: string): number {
  if (/^[+-]?0$/.test(text)) return 0;
  const part = '(\\d+\\.?\\d*|\\.\\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)';
  if (!new RegExp(`^[+-]?(?:${part})+$`).test(text)) {
    throw new UnacceptableValue(
      `must be a duration with units (ns, us, ms, s, m, h), such as 10m or 1h30m, not ${quoted(text)}`,
    );
  }
  let nanoseconds = 0;
  for (const [, amount, unit] of text.matchAll(new RegExp(part, 'g'))) {
    nanoseconds += Number(amount) * (nanosecondsPerUnit[unit ?? ''] ?? Number.NaN);
  }
  // Rounded in nanoseconds, or 1.1s would be 1100.0000000000002 ms. Go's own range ends at 2^63 ns.
  nanoseconds = Math.round(nanoseconds);
  if (nanoseconds >= 2 ** 63) throw new UnacceptableValue(`is too long a duration: ${quoted(text)}`);
  if (text.startsWith('-') && nanoseconds > 0) {
    throw new UnacceptableValue(`must not be negative: ${quoted(text)}`);
  }
  return nanoseconds / 1e6;
}

export function logLevel(text: string): (typeof logLevels)[number] {
  const level = logLevels.find((known) => known === text.toLowerCase());
  if (!level) throw new UnacceptableValue(`must be one of ${logLevels.join(', ')}, not ${quoted(text)}`);
  return level;
}

export function delivery(text: string): (typeof deliveries)[number] {
  const found = deliveries.find((known) => known === text.toLowerCase());
  if (!found) throw new UnacceptableValue(`must be one of ${deliveries.join(', ')}, not ${quoted(text)}`);
  return found;
}

export function truth(text: string): boolean {
  const value = { true: true, false: false }[text.toLowerCase()];
  if (value === undefined) throw new UnacceptableValue(`must be true or false, not ${quoted(text)}`);
  return value;
}

/** Of a bucket, or of an access point by its ARN. */
export function bucketName(text: string): string {
  if (!/^([\w.-]+|arn:[\w.:/-]+)$/.test(text)) {
    throw new UnacceptableValue(
      `must be the name of a bucket, without s3:// and without a path, not ${quoted(text)}`,
    );
  }
  return text;
}

export function proxyRange(text: string): string {
  const [address = '', prefix, ...rest] = text.split('/');
  const version = isIP(address);
  // node:net takes a zone such as %eth0, but no forwarded address ever carries one.
  if (version === 0 || address.includes('%') || rest.length > 0) {
    throw new UnacceptableValue(`must be an IP address or a CIDR range, not ${quoted(text)}`);
  }
  const longest = version === 4 ? 32 : 128;
  if (prefix !== undefined && !(/^(0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= longest)) {
    throw new UnacceptableValue(
      `must have a prefix length from 0 to ${longest} after the slash: ${quoted(text)}`,
    );
  }
  return text;
}

function httpUrl(text: string): URL {
  // URL itself would forgive http:host, backslashes and line breaks; what devices are sent must be plain.
  if (!/^https?:\/\/[^/\s\\][^\s\\]*$/i.test(text) || !URL.canParse(text)) {
    throw new UnacceptableValue(`must be a complete http:// or https:// URL${unlessCredentials(text)}`);
  }
  const url = new URL(text);
  if (url.username || url.password) throw new UnacceptableValue('must not contain a user name or password');
  if (/[?#]/.test(text)) {
    throw new UnacceptableValue(`must not contain a query or a fragment${unlessCredentials(text)}`);
  }
  return url;
}

/** A URL with an @ may carry a password, so it is not repeated. */
function unlessCredentials(url: string): string {
  return url.includes('@') ? '' : `, not ${quoted(url)}`;
}

export function publicUrl(text: string): string {
  return httpUrl(text).href.replace(/\/+$/, '');
}

/** Kept as written: it must equal the tokens' `iss` field character by character. */
export function issuer(text: string): string {
  httpUrl(text);
  if (text.endsWith('/')) {
    throw new UnacceptableValue(
      `must not end with a slash: it has to equal the iss field of the tokens, not ${quoted(text)}`,
    );
  }
  return text;
}

/** In lower case, as addresses are compared. */
export function emailAddress(text: string): string {
  if (!/^[^\s@,]+@[^\s@,]+$/.test(text)) {
    throw new UnacceptableValue(`must be an email address such as ada@example.com, not ${quoted(text)}`);
  }
  return text.toLowerCase();
}

/** In lower case. Each is that domain alone, without those below it. */
export function emailDomain(text: string): string {
  if (!/^[^\s@,*]+\.[^\s@,*.]+$/.test(text) || text.startsWith('.')) {
    throw new UnacceptableValue(
      `must be what stands behind the @ of an address, such as example.com, not ${quoted(text)}`,
    );
  }
  return text.toLowerCase();
}

/** `value=role`; a value may hold = itself. */
export function roleValue(text: string): { readonly value: string; readonly role: Role } {
  const at = text.lastIndexOf('=');
  const value = text.slice(0, at).trim();
  const role = roles.find((each) => each === text.slice(at + 1).trim());
  if (at < 1 || value === '' || !role) {
    throw new UnacceptableValue(
      `must be a value of the claim and the role it stands for, such as ota-admins=admin, with ${roles.join(', ')} as roles, not ${quoted(text)}`,
    );
  }
  return { value, role };
}

/** Returned as browsers send it: lower case, no default port, no trailing slash. */
export function origin(text: string): string {
  const problem = `must be an origin such as https://example.com or capacitor://example, without path or wildcard${unlessCredentials(text)}`;
  if (text.includes('*')) throw new UnacceptableValue(problem);
  if (/^https?:/i.test(text)) {
    const url = httpUrl(text);
    if (url.pathname !== '/') throw new UnacceptableValue(problem);
    return url.origin;
  }
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\]+\/?$/i.test(text)) throw new UnacceptableValue(problem);
  return text.toLowerCase().replace(/\/$/, '');
}

/** No problem repeats the text, which usually holds a password. */
export function redisUrl(text: string): string {
  if (!/^rediss?:\/\/[^\s/]\S*$/i.test(text) || !URL.canParse(text)) {
    throw new UnacceptableValue('must be a redis:// or rediss:// URL');
  }
  const { pathname, username, password } = new URL(text);
  if (!/^\/?\d{0,9}$/.test(pathname)) {
    throw new UnacceptableValue('must have nothing but the number of a database as path');
  }
  if (/[?#]/.test(text)) {
    throw new UnacceptableValue('must not contain a query or a fragment; write %3F and %23 in a password');
  }
  try {
    decodeURIComponent(username + password);
  } catch {
    throw new UnacceptableValue('must have %25 for each % of the user name and the password');
  }
  return text;
}

/** No problem repeats the text: it usually holds a password. */
function postgresUrl(text: string): string {
  const [, authority, rest] = /^[^:]*:\/\/([^/?#]*)(.*)$/s.exec(text) ?? [];
  const url = `postgres://${authority}${rest}`;
  // With a user and no host, which URL does not know, the driver takes the usual one.
  const isReadable = URL.canParse(url.replace('@/', '@localhost/')) && !/%(?![0-9a-f]{2})/i.test(url);
  // An @ elsewhere, or a second one, is part of a password that the URL has cut short.
  const isWhole = rest !== undefined && !/[@#\s]/.test(rest) && !/@.*@/.test(authority ?? '');
  if (!isReadable || !isWhole) {
    throw new UnacceptableValue(
      'must be a URL such as postgres://user:password@host:5432/database, in which characters of the password other than letters and digits are percent-encoded (@ as %40, / as %2F)',
    );
  }
  return url;
}

export const defaultMongoDatabase = 'capgo';

export function isMongoUrl(text: string): boolean {
  return /^mongodb(\+srv)?:\/\//.test(text);
}

export function mongoDatabaseName(text: string): string {
  if (text === '' || Buffer.byteLength(text) > 63 || /[\s/\\."$*<>:|?\0]/.test(text)) {
    throw new UnacceptableValue(`must be the name of a MongoDB database, not ${quoted(text)}`);
  }
  return text;
}

/** No problem repeats the text: it usually holds a password. */
export function mongoUrl(text: string): string {
  const url = text.replace(/^[^:]*/, (scheme) => scheme.toLowerCase());
  // Several hosts, which no other URL has; an @ behind the first one is part of a password that was not encoded.
  const parts =
    /^mongodb(?:\+srv)?:\/\/(?:([^@/?#\s]*)@)?([^@/?#\s]+)(?:\/([^@/?#\s]*))?(?:\?[^\s#]*)?$/.exec(url);
  const isEncoded = parts !== null && !/%(?![0-9a-f]{2})/i.test(`${parts[1] ?? ''}${parts[3] ?? ''}`);
  if (!isEncoded) {
    throw new UnacceptableValue(
      'must be a connection string such as mongodb://user:password@host:27017/database, in which characters of the password other than letters and digits are percent-encoded (@ as %40, / as %2F)',
    );
  }
  return url;
}

/** No problem repeats the text: the URL of a database usually holds its password. */
export function databaseUrl(text: string, workingDirectory: string): string {
  const lowerCase = text.toLowerCase();
  if (/^postgres(ql)?:/.test(lowerCase)) return postgresUrl(text);
  if (/^mongodb(\+srv)?:/.test(lowerCase)) return mongoUrl(text);
  if (!lowerCase.startsWith('sqlite:')) {
    throw new UnacceptableValue('must begin with sqlite:, postgres:// or mongodb://');
  }
  const file = text.slice('sqlite:'.length);
  if (file === ':memory:') return 'sqlite::memory:';
  // Programs disagree whether sqlite:///x is a relative path, and options would become part of a file's name.
  if (file.startsWith('//')) {
    throw new UnacceptableValue('must have the path directly after sqlite:, without //');
  }
  if (file.includes('?')) throw new UnacceptableValue('must not have options after the path (a "?")');
  if (file.trim() === '' || file.endsWith('/')) {
    throw new UnacceptableValue('must name a file after sqlite:, or be sqlite::memory:');
  }
  return `sqlite:${resolve(workingDirectory, file)}`;
}

export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

/** The system's code, such as ENOENT; messages of node:fs repeat the path. */
export function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
