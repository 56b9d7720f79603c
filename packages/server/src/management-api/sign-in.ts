import { SignInConfig } from '@capgo-server/protocol/management/sign-in';
import type { ManagementRoute } from './route.ts';

export interface SignInRoutesDeps {
  /** Published to the console so that it can sign in; '' when there is none. */
  readonly oauth: { readonly issuer: string; readonly clientId: string };
}

export function signInRoutes({ oauth }: SignInRoutesDeps): readonly ManagementRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/apipublic/v1/oauth2.config', permission: 'public' },
      handler: async () => ({ issuer: oauth.issuer, client_id: oauth.clientId }),
      docs: {
        ...{ operationId: 'oauth2Config', tag: 'sign-in', summary: 'How to sign in' },
        answer: SignInConfig,
      },
    },
  ];
}
