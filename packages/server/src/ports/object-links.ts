/** Addresses under which a device fetches an object from elsewhere than from this server. */
export interface ObjectLinks {
  /**
   * An absolute URL that answers requests of this method, ranges included, to whoever has it. Rejects with `not_found`
   * when there is no such object and with `unavailable` when that cannot be found out, unless the place behind the
   * link answers for that itself.
   */
  linkTo(key: string, method: 'GET' | 'HEAD'): Promise<string>;
  /** Seconds for which a link may be kept and used. */
  readonly keepSeconds: number;
}
