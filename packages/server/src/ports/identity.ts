import type { Claims } from '../domain/sign-in.ts';

/** Who gives people their tokens. */
export interface IdentityProvider {
  /**
   * What the provider says of the person to whom it gave a token for us; undefined for a token that is not good: of
   * somebody else, for somebody else, not signed by the provider, or refused by it. Rejects with `unauthorized` for one
   * that was good and has expired, which nobody guesses, and with `unavailable` when it cannot be told now.
   */
  findClaims(token: string): Promise<Claims | undefined>;
}
