/** A call to a URL that somebody named who may not be trusted with where we can reach. */
export interface OutboundRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of a POST. */
  readonly body?: string;
  /** From the call to the last byte of the answer, redirects included. */
  readonly timeoutMs: number;
  /** Most bytes of the answer's body. */
  readonly maxBytes: number;
  /** Redirects of a GET or HEAD that are followed, each checked as the URL was; without them a redirect is an answer like any other. */
  readonly maxRedirects?: number;
}

export interface OutboundAnswer {
  readonly status: number;
  /** Names in lower case; of several of a name, all, separated by commas. */
  readonly headers: Readonly<Record<string, string>>;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /**
   * The bytes as they come, as they were sent: nothing is unpacked. Rejects with `payload_too_large` past the limit and
   * with `url_unreachable` when they are cut short or do not come in time. Who stops reading ends the connection.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends the connection; for who does not read the body. */
  discard(): void;
}

/**
 * HTTP to the outside, and to nowhere else. Unless private URLs are allowed, a URL must be https, and every address that
 * its name has at the moment of connecting must be a public one: what the name had before, or has afterwards, counts for
 * nothing. A URL with a user or a password is never asked.
 */
export interface OutboundHttp {
  /**
   * Rejects with `url_not_allowed` for what may not be asked, before anything is sent there; with `url_unreachable` when
   * there is no answer in time, or too many redirects; with `payload_too_large` when the answer says that it is.
   */
  request(request: OutboundRequest): Promise<OutboundAnswer>;
  /**
   * Rejects with `url_not_allowed` when the URL would not be asked as its name is resolved now. A name that cannot be
   * resolved passes: it may be there tomorrow, and is checked again whenever it is asked.
   */
  check(url: string): Promise<void>;
}
