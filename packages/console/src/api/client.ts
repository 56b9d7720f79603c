import { forgetCredential } from './credential.ts';
import { credentialHeaders } from './credential-headers.ts';
import { apiUrl } from './location.ts';
import { type Query, queryString } from './query-string.ts';

/** A refusal, in the server's words, or a server that did not answer. */
export class ApiError extends Error {
  /** 0 when there was no answer at all. */
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  constructor(status: number, code: string, message: string, details?: unknown) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.details = details;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/**
 * The error a refusal stands for. The two APIs have two shapes: `{error: text, code}` of ours, `{error: code, message}`
 * of the documented REST API.
 */
export function toApiError(status: number, text: string): ApiError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new ApiError(status, 'unreadable', `The server answered with status ${status} and no reason.`);
  }
  const { error, code, message, details, moreInfo } = isRecord(body) ? body : {};
  if (typeof code === 'string') return new ApiError(status, code, String(error ?? code), details);
  if (typeof error === 'string') return new ApiError(status, error, String(message ?? error), moreInfo);
  return new ApiError(status, 'unreadable', `The server answered with status ${status} and no reason.`);
}

interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly query?: Query;
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
  /** The documented REST API's shapes. */
  readonly isRest?: boolean;
}

async function send(path: string, options: CallOptions): Promise<Response> {
  const { method = 'GET', query, body, signal, isRest } = options;
  const headers: Record<string, string> = { accept: 'application/json', ...(await credentialHeaders()) };
  if (body) headers['content-type'] = 'application/json';
  if (isRest) headers['capgo_api'] = '2025-10-01';
  let response: Response;
  try {
    response = await fetch(apiUrl(path) + queryString(query), {
      method,
      headers,
      cache: 'no-store',
      ...(body ? { body: JSON.stringify(body) } : {}),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(
      0,
      'offline',
      'The server does not answer. Check that it runs and that you are online.',
    );
  }
  if (response.ok) return response;
  const refusal = toApiError(response.status, await response.text());
  if (response.status === 401) forgetCredential({ why: refusal.message, isOfPerson: false });
  throw refusal;
}

async function call<Answer>(path: string, options: CallOptions): Promise<Answer> {
  return (await (await send(path, options)).json()) as Answer;
}

/** Our own API, `/api/v1/<noun>.<verb>`. */
export const api = {
  get: <Answer>(name: string, query?: Query, signal?: AbortSignal) =>
    call<Answer>(`/api/v1/${name}`, { ...(query ? { query } : {}), signal }),
  post: <Answer>(name: string, body: object = {}, signal?: AbortSignal) =>
    call<Answer>(`/api/v1/${name}`, { method: 'POST', body, signal }),
  /** An answer that is a file or a stream. */
  open: (name: string, query?: Query) => send(`/api/v1/${name}`, query ? { query } : {}),
};

/** The documented REST API, in its own shapes. */
export const rest = {
  get: <Answer>(path: string, query?: Query, signal?: AbortSignal) =>
    call<Answer>(path, { ...(query ? { query } : {}), signal, isRest: true }),
  /** As it is documented: with what clients made for the hosted service would not understand. */
  getDocumented: <Answer>(path: string, query?: Query, signal?: AbortSignal) =>
    call<Answer>(path, { ...(query ? { query } : {}), signal }),
  send: <Answer>(method: 'POST' | 'PUT' | 'DELETE', path: string, body: object) =>
    call<Answer>(path, { method, body, isRest: true }),
};

/** A page of our own API's lists. */
export interface ListAnswer<Row> {
  readonly data: readonly Row[];
  readonly next_cursor?: string;
}

/** All rows of a list, page after page, up to a bound that no screen needs. */
export async function listAll<Row>(
  name: string,
  query: Query,
  signal?: AbortSignal,
  maxRows = 5_000,
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    const page: ListAnswer<Row> = await api.get(name, { ...query, limit: 1_000, cursor }, signal);
    rows.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== undefined && rows.length < maxRows);
  return rows;
}

/**
 * Uploads a form with progress, which `fetch` does not tell.
 *
 * @param onProgress told the share that is sent, 0 to 1
 */
export async function upload<Answer>(
  name: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<Answer> {
  const headers = await credentialHeaders();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', apiUrl(`/api/v1/${name}`));
    for (const [header, value] of Object.entries(headers)) request.setRequestHeader(header, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 0 : loaded / total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as Answer);
      else reject(toApiError(request.status, request.responseText));
    };
    request.onerror = () =>
      reject(new ApiError(0, 'offline', 'The connection broke before the server had everything. Try again.'));
    request.onabort = () => reject(new DOMException('The upload was cancelled', 'AbortError'));
    signal?.addEventListener('abort', () => request.abort());
    request.send(form);
  });
}
