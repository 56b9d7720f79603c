import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { type Caller, seesApp } from '../../domain/access.ts';
import type { AppRecord } from '../../domain/app.ts';
import type { Apps } from '../../services/apps.ts';
import { RestError } from './rest-error.ts';
import type { RestInput } from './rest-input.ts';

export const restPageRows = 50;
/** Texts of requests; what is kept of them has limits of its own. */
const maxTextLength = 65_536;

function invalidBody(message: string, field: string): RestError {
  return new RestError('invalid_body', message, { details: { field } });
}

/** What the input says under the first of the names that it has; null and nothing are the same. */
export function givenValue(input: RestInput, ...names: readonly string[]): unknown {
  for (const name of names) {
    const value = input[name];
    if (value !== undefined) return value ?? undefined;
  }
  return undefined;
}

/** A text, also an empty one; undefined for none. A number counts as its digits, as in a query string. */
export function textField(input: RestInput, ...names: readonly string[]): string | undefined {
  const value = givenValue(input, ...names);
  if (value === undefined) return undefined;
  const [name = ''] = names;
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') throw invalidBody(`${name} must be a text`, name);
  if (text.length > maxTextLength || text.includes('\0')) {
    throw invalidBody(`${name} is too long, or holds a NUL character`, name);
  }
  return text;
}

/** A truth value; undefined for none. Texts count where there can be no other: in a query string, and in older clients. */
export function flagField(input: RestInput, ...names: readonly string[]): boolean | undefined {
  const value = givenValue(input, ...names);
  if (value === undefined || typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  const [name = ''] = names;
  throw invalidBody(`${name} must be true or false`, name);
}

/** A number, also one that is written as a text; undefined for none, NaN for what is none. */
export function numberField(input: RestInput, ...names: readonly string[]): number | undefined {
  const value = givenValue(input, ...names);
  if (value === undefined || typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : Number.NaN;
}

/** The number of a record; undefined for what cannot be one. */
export function recordNumber(input: RestInput, name: string): number | undefined {
  const number = numberField(input, name);
  return number !== undefined && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** The app that a request names, whether there is one or not. */
export function appIdField(input: RestInput): string {
  const appId = textField(input, 'app_id') ?? '';
  if (appId === '') throw new RestError('missing_app_id', 'Missing app_id');
  if (!isAppId(appId)) throw invalidAppId(appId);
  return appId;
}

export function invalidAppId(appId: string): RestError {
  return new RestError('invalid_app_id', 'App ID must be a reverse domain string', {
    details: { app_id: appId.slice(0, 256) },
  });
}

/** The app, when it is there and the caller may see it. One that is neither and one that is only hidden are the same. */
export async function requireApp(
  apps: Pick<Apps, 'find'>,
  caller: Caller,
  appId: string,
  refusal: () => RestError,
): Promise<AppRecord> {
  const app = seesApp(caller, appId) ? await apps.find(appId) : undefined;
  if (!app) throw refusal();
  return app;
}

/** How endpoints say of an app that it is none of the caller's. */
export function cannotAccessApp(appId: string): RestError {
  return new RestError('cannot_access_app', "You can't access this app", { details: { app_id: appId } });
}

/** The row from which a page starts. */
export function pageOffset(input: RestInput): number {
  const page = textField(input, 'page') ?? '';
  if (page === '') return 0;
  if (!/^\d{1,9}$/.test(page)) throw new RestError('invalid_page', 'page must be a whole number, 0 or more');
  return Number(page) * restPageRows;
}
