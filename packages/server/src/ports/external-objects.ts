/** Bytes that others store, by their URL. */
export interface ExternalObjects {
  /**
   * The bytes, as they come. Rejects with `unavailable` when the URL is not http or https, holds a password, leads to
   * another URL, or when its server does not answer with the bytes in time.
   */
  read(url: string): AsyncIterable<Uint8Array>;
}
