import { type Static, Type } from 'typebox';
import { text } from './fields.ts';

/** What a client needs to sign a person in. */
export const SignInConfig = Type.Object(
  {
    issuer: text('URL of the OpenID Connect issuer; "" when there is none', 'https://login.example.com'),
    client_id: text('The OAuth 2.0 client id; "" when there is none', 'capgo-console'),
  },
  { title: 'SignInConfig', description: 'How to sign in' },
);
export type SignInConfig = Static<typeof SignInConfig>;
