import type { Caller } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import { admit, personOf, type SignInRules, verifiedEmail } from '../domain/sign-in.ts';
import type { IdentityProvider } from '../ports/identity.ts';
import type { Members } from './members.ts';

export interface SignIn {
  /**
   * The operator whom a token is of; undefined when the token is not good. Whom the rules do not let in may still be a
   * member of an organization, by a verified address: then the membership decides. Rejects with `forbidden` for a person
   * who is neither, with `unauthorized` for a sign-in that has expired, and with `unavailable` when the identity provider
   * cannot be asked.
   */
  find(token: string): Promise<Caller | undefined>;
}

export function createSignIn(deps: {
  readonly provider: IdentityProvider;
  readonly rules: SignInRules;
  readonly members: Pick<Members, 'findRole'>;
}): SignIn {
  const { provider, rules, members } = deps;
  return {
    async find(token) {
      const claims = await provider.findClaims(token);
      if (!claims) return undefined;
      const entry = admit(claims, rules);
      if ('caller' in entry) return entry.caller;
      const email = verifiedEmail(claims);
      const membership = email === undefined ? undefined : await members.findRole(email);
      if (!membership) throw new AppError('forbidden', entry.refusal);
      return personOf(claims, membership);
    },
  };
}
