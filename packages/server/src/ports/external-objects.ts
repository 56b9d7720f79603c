/** Bytes that others store, by their URL. */
export interface ExternalObjects {
  /**
   * The bytes, as they come. Rejects with `unavailable` when the URL is not http or https, holds a password, leads to
   * another URL, or when its server does not answer with the bytes in time.
   *
   * @param stop gives up the reading, which then rejects
   */
  read(url: string, stop?: AbortSignal): AsyncIterable<Uint8Array>;
}
