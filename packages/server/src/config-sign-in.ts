import { isRestricted, type SignInRules } from './domain/sign-in.ts';

/** Single sign-on: whose tokens, and who of those people is an operator. */
export interface SignInConfig {
  /** Without a slash at the end. */
  readonly issuer: string;
  readonly clientId: string;
  readonly rules: SignInRules;
}

interface SignInValues {
  readonly oauthIssuer: string | undefined;
  readonly oauthClientId: string | undefined;
  readonly oauthAllowedEmails: SignInRules['emails'];
  readonly oauthAllowedDomains: SignInRules['domains'];
  readonly oauthRoleClaim: string | undefined;
  readonly oauthRoleValues: SignInRules['roleValues'];
}

const loopback = /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])([:/]|$)/i;

/** Undefined when nobody can sign in; the warnings are sentences for the log. */
export function readSignIn(values: SignInValues): {
  readonly signIn: SignInConfig | undefined;
  readonly warnings: readonly string[];
} {
  const { oauthIssuer: issuer, oauthClientId: clientId, oauthRoleClaim, oauthRoleValues } = values;
  const { oauthAllowedEmails: emails, oauthAllowedDomains: domains } = values;
  if (issuer === undefined || clientId === undefined) {
    const [set, missing] =
      issuer === undefined ? ['OAUTH_CLIENT_ID', 'OAUTH_ISSUER'] : ['OAUTH_ISSUER', 'OAUTH_CLIENT_ID'];
    const isHalf = issuer !== clientId;
    const hasRules =
      emails.length + domains.length + oauthRoleValues.length > 0 || oauthRoleClaim !== undefined;
    return {
      signIn: undefined,
      warnings: [
        ...(isHalf ? [`${set} is set without ${missing}: nobody can sign in`] : []),
        ...(hasRules && !isHalf
          ? ['OAUTH_ALLOWED_EMAILS, OAUTH_ALLOWED_DOMAINS and OAUTH_ROLE_* have no use without OAUTH_ISSUER']
          : []),
      ],
    };
  }
  const rules: SignInRules = {
    ...{ emails, domains, roleClaim: oauthRoleClaim ?? null, roleValues: oauthRoleValues },
  };
  return {
    signIn: { issuer, clientId, rules },
    warnings: [
      ...(isRestricted(rules)
        ? []
        : [
            'OAUTH_ISSUER lets in everybody who can sign in there, as admin: set OAUTH_ALLOWED_EMAILS, OAUTH_ALLOWED_DOMAINS or OAUTH_ROLE_CLAIM',
          ]),
      ...(oauthRoleValues.length > 0 && oauthRoleClaim === undefined
        ? ['OAUTH_ROLE_VALUES has no use without OAUTH_ROLE_CLAIM: everybody who is let in is an admin']
        : []),
      ...(issuer.startsWith('http:') && !loopback.test(issuer)
        ? ['OAUTH_ISSUER is plain http: whoever sits on the way can sign in as anybody']
        : []),
    ],
  };
}
