import { lookup as systemLookup } from 'node:dns';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { AppError } from '../domain/errors.ts';
import type { OutboundAnswer, OutboundHttp, OutboundRequest } from '../ports/outbound-http.ts';
import { isPublicAddress } from './public-address.ts';

type Lookup = typeof systemLookup;

export interface OutboundHttpOptions {
  /** Lifts every rule but that of users and passwords: for networks of one's own, and tests. */
  readonly allowPrivate: boolean;
  /** Other than the system's, in tests. */
  readonly lookup?: LookupFunction;
  /** Other than the Internet's, in tests. */
  readonly isAllowedAddress?: (address: string) => boolean;
  /** The authority that is trusted instead of the usual ones, in tests. */
  readonly ca?: string | undefined;
}

/** A resolver that takes longer counts as one that finds nothing. */
const checkTimeoutMs = 5_000;

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function notAllowed(reason: string): AppError {
  return new AppError('url_not_allowed', `This URL may not be asked: ${reason}`);
}

function unreachable(reason: string, cause?: unknown): AppError {
  return new AppError('url_unreachable', `The URL cannot be reached: ${reason}`, { cause });
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('payload_too_large', `The answer of the URL is larger than ${maxBytes} bytes`);
}

/** What went wrong with a connection, for people: the system's code is all that says nothing of what we can reach. */
function connectionError(error: unknown, signal: AbortSignal): AppError {
  if (error instanceof AppError) return error;
  if (signal.aborted && signal.reason instanceof AppError) return signal.reason;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'it does not answer';
  return unreachable(code, error);
}

function headersOf(message: IncomingMessage): Readonly<Record<string, string>> {
  const entries = Object.entries(message.headersDistinct).map(([name, values]) => [
    name,
    (values ?? []).join(', '),
  ]);
  return Object.fromEntries(entries);
}

/** The name or address of a URL as the resolver takes it. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

/**
 * HTTP through Node's own client, which lets us look at the very addresses that it is about to connect to: between
 * looking and connecting nobody resolves the name once more.
 */
export function createOutboundHttp({
  allowPrivate,
  lookup = systemLookup as Lookup as LookupFunction,
  isAllowedAddress = isPublicAddress,
  ca,
}: OutboundHttpOptions): OutboundHttp {
  const mayConnect = (address: string) => allowPrivate || isAllowedAddress(address);

  /** The rules that need no resolver. An address in any notation is a dotted one in a URL once it is parsed. */
  function parse(text: string): URL {
    if (!URL.canParse(text)) throw notAllowed('it is not a URL');
    const url = new URL(text);
    if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
      throw notAllowed(allowPrivate ? 'it is not an http or https URL' : 'it is not an https URL');
    }
    if (url.username !== '' || url.password !== '') throw notAllowed('it holds a user or a password');
    const host = hostOf(url);
    // Not left to the resolver, which knows the name without a dot at its end only.
    if (!allowPrivate && /^(.+\.)?localhost\.?$/.test(host))
      throw notAllowed('its name is that of this machine');
    // Addresses are connected to without being looked up.
    if (isIP(host) !== 0 && !mayConnect(host)) throw notAllowed('its address is not a public one');
    return url;
  }

  /** All addresses of a name have to be public: which of them is connected to is for its owner to arrange. */
  const guardedLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, []);
      const addresses = Array.isArray(found) ? found : [{ address: found, family: isIP(found) }];
      if (addresses.length === 0) return callback(unreachable('its name has no address'), []);
      if (!addresses.every(({ address }) => mayConnect(address))) {
        return callback(notAllowed('its name leads to an address that is not a public one'), []);
      }
      if (options.all) return callback(null, addresses);
      const [first] = addresses;
      callback(null, first?.address ?? '', first?.family);
    });
  };

  function send(url: URL, request: OutboundRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const isSecure = url.protocol === 'https:';
    const { method, body, headers } = request;
    return new Promise((resolve, reject) => {
      const given = {
        ...{ method, signal, lookup: guardedLookup },
        // A connection of its own: none that was made for something else, through something else.
        agent: false,
        headers: {
          'accept-encoding': 'identity',
          ...headers,
          ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        },
      } as const;
      let call: ClientRequest;
      try {
        call = isSecure
          ? httpsRequest(url, { ...given, ...(ca === undefined ? {} : { ca }) })
          : httpRequest(url, given);
      } catch (error) {
        // A header that is none.
        reject(connectionError(error, signal));
        return;
      }
      call.once('response', resolve);
      // Also without an error: what is answered with another protocol is no answer.
      call.once('close', () => reject(unreachable('it does not answer')));
      call.on('error', (error) => reject(connectionError(error, signal)));
      call.end(body);
    });
  }

  async function* bytesOf(
    message: IncomingMessage,
    { maxBytes }: OutboundRequest,
    done: AbortController,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    let sum = 0;
    try {
      for await (const bytes of message as AsyncIterable<Uint8Array>) {
        sum += bytes.byteLength;
        if (sum > maxBytes) throw tooLarge(maxBytes);
        yield bytes;
      }
    } catch (error) {
      throw connectionError(error, signal);
    } finally {
      done.abort();
    }
  }

  function answerOf(
    message: IncomingMessage,
    url: URL,
    request: OutboundRequest,
    done: AbortController,
    signal: AbortSignal,
  ): OutboundAnswer {
    // What is not read must not bring the process down when the connection breaks.
    message.on('error', () => undefined);
    const stated = Number(message.headers['content-length'] ?? 0);
    if (request.method !== 'HEAD' && stated > request.maxBytes) throw tooLarge(request.maxBytes);
    return {
      status: message.statusCode ?? 0,
      headers: headersOf(message),
      url: url.href,
      body: bytesOf(message, request, done, signal),
      discard: () => done.abort(),
    };
  }

  return {
    async request(request) {
      const done = new AbortController();
      const { method, timeoutMs, maxBytes } = request;
      const most = method === 'POST' ? 0 : (request.maxRedirects ?? 0);
      const timer = setTimeout(
        () => done.abort(unreachable(`it did not answer in ${timeoutMs / 1000} s`)),
        timeoutMs,
      ).unref();
      const { signal } = done;
      signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
      try {
        let url = parse(request.url);
        let asked = request;
        for (let hops = 0; ; hops += 1) {
          const message = await send(url, asked, signal);
          const { location } = message.headers;
          const isRedirect = redirects.has(message.statusCode ?? 0) && location !== undefined;
          if (!isRedirect || most === 0) return answerOf(message, url, asked, done, signal);
          message.on('error', () => undefined).destroy();
          if (hops === most) throw unreachable(`it redirects more than ${most} times`);
          if (!URL.canParse(location, url.href)) throw unreachable('it redirects to no URL');
          const next = parse(new URL(location, url.href).href);
          // The caller's headers were not meant for whoever else is asked next.
          const headers = next.origin === url.origin ? asked.headers : undefined;
          asked = { method, url: next.href, timeoutMs, maxBytes, ...(headers ? { headers } : {}) };
          url = next;
        }
      } catch (error) {
        done.abort();
        throw error;
      }
    },

    async check(text) {
      const url = parse(text);
      const host = hostOf(url);
      if (isIP(host) !== 0) return;
      await new Promise<void>((resolve, reject) => {
        setTimeout(resolve, checkTimeoutMs).unref();
        guardedLookup(host, { all: true }, (error) => {
          if (error instanceof AppError && error.code === 'url_not_allowed') reject(error);
          else resolve();
        });
      });
    },
  };
}
