import { isAppId, isDeviceId, isRecordId } from '@capgo-server/protocol/formats/identifiers';
import { formatTimestamp, parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { AppError } from '../domain/errors.ts';
import type { Page, PageRequest } from '../ports/page.ts';

/** A query string as Fastify parses it: a key given twice is a list. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

const maxPageRows = 1_000;

/**
 * Rows of a page of bundles, releases or counters whose request names none: clients of older servers know no cursors,
 * so it is as large as a page can be.
 */
export const defaultRecordRows = maxPageRows;

/** The text of a parameter; undefined when absent or ''. Rejects one given twice, and NUL, which not every database takes. */
export function textParameter(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value !== 'string') throw new AppError('invalid_request', `${name} must be given once`);
  if (value.includes('\0')) throw new AppError('invalid_request', `${name} must not hold a NUL character`);
  return value;
}

export function checkedAppId(text: string): string {
  if (!isAppId(text)) {
    throw new AppError('invalid_request', 'app_id must be a reverse-domain id such as com.example.app');
  }
  return text;
}

/** A device's id in the letter case it is stored in. */
export function checkedDeviceId(text: string): string {
  if (!isDeviceId(text)) throw new AppError('invalid_request', 'device_id must be a UUID');
  return text.toLowerCase();
}

export function appIdParameter(query: Query): string | undefined {
  const text = textParameter(query, 'app_id');
  return text === undefined ? undefined : checkedAppId(text);
}

/** The app that a request must name. */
export function requiredAppId(query: Query): string {
  const appId = appIdParameter(query);
  if (appId === undefined) throw new AppError('invalid_request', 'app_id is required');
  return appId;
}

/** The device that a request must name, in the letter case it is stored in. */
export function requiredDeviceId(query: Query): string {
  const text = textParameter(query, 'device_id');
  if (text === undefined) throw new AppError('invalid_request', 'device_id is required');
  return checkedDeviceId(text);
}

/** A UTC day, `2026-01-31`, of a date or a date-time with zone; at most the last of the year 9999. */
export function dateParameter(query: Query, name: string): string | undefined {
  const time = timeParameter(query, name);
  if (time === undefined) return undefined;
  const text = formatTimestamp(time);
  // Days are compared as texts: `+010000-01-01`, the day after it, would stand before all others.
  return text.startsWith('+') ? '9999-12-31' : text.slice(0, 10);
}

/** Epoch milliseconds of an ISO date, an ISO date-time with zone, or a number of milliseconds. */
export function timeParameter(query: Query, name: string): number | undefined {
  const text = textParameter(query, name);
  if (text === undefined) return undefined;
  const time = /^\d{1,15}$/.test(text) ? Number(text) : parseTimestamp(text);
  if (time === undefined) {
    throw new AppError(
      'invalid_request',
      `${name} must be a date, a date-time with zone, or epoch milliseconds`,
    );
  }
  return time;
}

/** @param defaultLimit rows of a page whose request names none */
export function pageParameters(query: Query, defaultLimit: number): PageRequest {
  const text = textParameter(query, 'limit');
  const limit = text === undefined ? defaultLimit : /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > maxPageRows) {
    throw new AppError('invalid_request', `limit must be a whole number from 1 to ${maxPageRows}`);
  }
  return { limit, cursor: textParameter(query, 'cursor') };
}

/** A record's id in the letter case it is stored in. */
export function recordId(text: string, name: string): string {
  if (!isRecordId(text)) throw new AppError('invalid_request', `${name} must be 24 hex characters`);
  return text.toLowerCase();
}

/** The record that a request must name. */
export function requiredRecordId(query: Query, name: string): string {
  const text = textParameter(query, name);
  if (text === undefined) throw new AppError('invalid_request', `${name} is required`);
  return recordId(text, name);
}

/** A list as every route answers it; `next_cursor` is there while there is more. */
export function listAnswer<Item, View>(page: Page<Item>, toView: (item: Item) => View) {
  return {
    data: page.items.map(toView),
    ...(page.nextCursor === null ? {} : { next_cursor: page.nextCursor }),
  };
}
