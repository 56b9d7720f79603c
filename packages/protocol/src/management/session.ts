import { type Static, Type } from 'typebox';

/** The answer of `session.get`: who the caller is and what it may do. */
export const SessionView = Type.Object(
  {
    kind: Type.Union([Type.Literal('management_token'), Type.Literal('api_key'), Type.Literal('user')], {
      description: 'By what the caller is proven',
      examples: ['api_key'],
    }),
    id: Type.String({ description: 'Names the caller for ever and is no secret', examples: ['7'] }),
    name: Type.String({ description: 'The caller’s name, for people', examples: ['Release pipeline'] }),
    role: Type.String({ description: 'read, upload, write or admin', examples: ['write'] }),
    apps: Type.Union([Type.Array(Type.String()), Type.Null()], {
      description: 'The apps the caller may see; null for all, also those to come',
      examples: [['com.example.app']],
    }),
    permissions: Type.Array(Type.String(), {
      description: 'Everything the caller may do to what it may see',
      examples: [['apps.read', 'bundles.read']],
    }),
  },
  { description: 'Who the caller is and what it may do' },
);
export type SessionView = Static<typeof SessionView>;
