import { type Static, Type } from 'typebox';
import { count, nullable, oneOf, text, timestamp } from './fields.ts';
import { pageFields, pageOf } from './pages.ts';
import { exampleOrganizationId, OrganizationId } from './rest-organizations.ts';

const operations = ['INSERT', 'UPDATE', 'DELETE'] as const;

const record = (description: string) =>
  Type.Union(
    [
      Type.Record(
        Type.String(),
        Type.Unknown({ description: 'The value of a field', examples: ['production'] }),
        {
          description,
          examples: [{ id: 7, name: 'production', public: true }],
        },
      ),
      Type.Null(),
    ],
    { description, examples: [{ id: 7, name: 'production', public: true }] },
  );

const actorFields = {
  actor_type: text('Who made it: user, apikey, system, or unknown for a device', 'apikey'),
  actor_user_id: nullable(text('Of a person: the id that the identity provider gives', 'auth0|5f7c8ec7')),
  actor_user_email: nullable(text('Of a person, when it is known', 'olga@example.com')),
  actor_apikey_id: nullable(text('Of a key, or of a management token', 'management-token-1')),
  actor_apikey_name: nullable(text('Of a key, or of a management token', 'management-token-1')),
};

/** An entry of the audit log. */
export const AuditView = Type.Object(
  {
    id: Type.Integer({
      minimum: 1,
      description: 'Larger than that of every entry that was made before',
      examples: [1_234],
    }),
    created_at: timestamp('When the change was made'),
    table_name: text(
      'What was changed: apps, app_versions (bundles), channels, releases, channel_devices (pins of devices), orgs, org_users (members), webhooks or apikeys',
      'channels',
    ),
    record_id: text('Id of the record; of an app its app id, of a pin the device', '7'),
    operation: oneOf(operations, 'What was done; a bundle that is deleted is an UPDATE'),
    app_id: nullable(text('The app it belongs to', 'com.example.app')),
    org_id: nullable(OrganizationId),
    user_id: nullable(text('Of a person: the same as actor_user_id', 'auth0|5f7c8ec7')),
    old_record: record('The record before; null when it is new'),
    new_record: record('The record afterwards; null when it is gone'),
    changed_fields: Type.Union(
      [Type.Array(text('Name of a field', 'public'), { description: 'Names of fields' }), Type.Null()],
      { description: 'Of an UPDATE: the fields that have other values', examples: [['public']] },
    ),
    ...actorFields,
  },
  { title: 'AuditEntry', description: 'One change of one record' },
);
export type AuditView = Static<typeof AuditView>;

const filters = {
  app_id: Type.Optional(text('Only what belongs to this app', 'com.example.app')),
  actor: Type.Optional(text('Only what this person, key or token did, by its id', 'management-token-1')),
  table: Type.Optional(text('Only changes of this table', 'channels')),
  operation: Type.Optional(oneOf(operations, 'Only these changes')),
  from: Type.Optional(text('Not before: a date, a date-time with zone, or epoch milliseconds', '2026-01-01')),
  to: Type.Optional(text('Before: the same', '2030-01-01')),
};

export const AuditListQuery = Type.Object({ ...filters, ...pageFields }, { description: 'Which entries' });
export const AuditList = pageOf(AuditView, 'entries, newest first');
export const AuditExportQuery = Type.Object(filters, { description: 'Which entries' });

/** As the REST API asks for it, which counts pages. */
export const RestAuditQuery = Type.Object(
  {
    orgId: text('The organization: a UUID', exampleOrganizationId),
    tableName: Type.Optional(text('Only changes of this table', 'channels')),
    operation: Type.Optional(oneOf(operations, 'Only these changes')),
    page: Type.Optional(text('Which page, counted from 0', '0')),
    limit: Type.Optional(text('Entries of a page, 1 to 100; 50 without it', '50')),
  },
  { description: 'Which entries' },
);
export const RestAuditList = Type.Object(
  {
    data: Type.Array(AuditView, { description: 'Newest first' }),
    total: count('How many entries there are', 1),
    page: count('The page, counted from 0', 0),
    limit: count('Most entries of a page', 50),
  },
  { description: 'A page of the audit log' },
);
