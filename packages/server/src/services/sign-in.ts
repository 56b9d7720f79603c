import type { Caller } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import { admit, type SignInRules } from '../domain/sign-in.ts';
import type { IdentityProvider } from '../ports/identity.ts';

export interface SignIn {
  /**
   * The operator whom a token is of; undefined when the token is not good. Rejects with `forbidden` for a person who is
   * no operator, with `unauthorized` for a sign-in that has expired, and with `unavailable` when the identity provider
   * cannot be asked.
   */
  find(token: string): Promise<Caller | undefined>;
}

export function createSignIn(deps: {
  readonly provider: IdentityProvider;
  readonly rules: SignInRules;
}): SignIn {
  const { provider, rules } = deps;
  return {
    async find(token) {
      const claims = await provider.findClaims(token);
      if (!claims) return undefined;
      const entry = admit(claims, rules);
      if ('refusal' in entry) throw new AppError('forbidden', entry.refusal);
      return entry.caller;
    },
  };
}
