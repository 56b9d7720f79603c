import { type Static, Type } from 'typebox';
import { count, flag, nullable, text, timestamp } from './fields.ts';

export const exampleOrganizationId = '046a36ac-e03c-4590-9257-bd6c9dba9ee8';

/** The organization, wherever one is named. */
export const OrganizationId = text('The organization: a UUID', exampleOrganizationId);

const name = text('Its name', 'Acme');
const logo = text('URL of a picture', 'https://example.com/logo.png');
const website = text('URL of its website; one without a scheme is taken for https', 'https://example.com/');
const email = text('An e-mail address', 'ops@example.com');

/** An organization as the REST API shows it. */
export const RestOrganization = Type.Object(
  {
    id: OrganizationId,
    created_by: nullable(text('Who founded it; null for the one that came with the server', 'key-1')),
    created_at: timestamp('When it was founded'),
    updated_at: timestamp('When it was changed last'),
    logo: nullable(logo),
    name,
    management_email: nullable(email),
    customer_id: Type.Null({ description: 'There are no bills', examples: [null] }),
    website: nullable(website),
  },
  { description: 'An organization' },
);
export type RestOrganization = Static<typeof RestOrganization>;

export const RestOrganizationQuery = Type.Object(
  { orgId: Type.Optional(OrganizationId) },
  { description: 'Which one; all without it' },
);

export const RestOrganizationAnswer = Type.Object(
  {
    data: Type.Union(
      [Type.Array(RestOrganization, { description: 'The default one first' }), RestOrganization],
      {
        description: 'All, or the one that was asked for',
      },
    ),
  },
  { description: 'What the caller may see' },
);

/** The same for who sends capgo_api. */
export const HostedOrganizationAnswer = Type.Union(
  [Type.Array(RestOrganization, { description: 'All, the default one first' }), RestOrganization],
  { description: 'What the caller may see: all, or the one that was asked for' },
);

export const RestOrganizationCreateBody = Type.Object(
  {
    name,
    email: Type.Optional(email),
    website: Type.Optional(website),
    estimatedMau: Type.Optional(count('Taken from clients that send it, and not kept', 1_000)),
    intent: Type.Optional(text('Taken from clients that send it, and not kept', 'ota')),
  },
  { description: 'A new organization' },
);

export const RestOrganizationCreated = Type.Object({ id: OrganizationId }, { description: 'It is there' });

/** What an organization demands of keys and bundles. */
export const organizationRules = {
  require_apikey_expiration: flag('API keys must end one day', false),
  max_apikey_expiration_days: nullable(
    Type.Integer({ minimum: 1, maximum: 365, description: 'In how many days at the latest', examples: [90] }),
  ),
  enforce_hashed_api_keys: flag('Always true: keys are never kept in plain text'),
  enforce_encrypted_bundles: flag('Bundles must be encrypted', false),
  required_encryption_key: nullable(
    text(
      'With which key: the first 20 or 21 characters of the public one; empty for any',
      'MIIBCgKCAQEAwBf1Ya3T',
    ),
  ),
  enforcing_2fa: flag('Always false: a second factor is for the identity provider to ask for', false),
};

export const RestOrganizationChangeBody = Type.Object(
  {
    orgId: OrganizationId,
    name: Type.Optional(name),
    logo: Type.Optional(logo),
    website: Type.Optional(website),
    management_email: Type.Optional(email),
    ...Object.fromEntries(
      Object.entries(organizationRules).map(([key, schema]) => [key, Type.Optional(schema)]),
    ),
    password_policy_config: Type.Optional(
      nullable(
        Type.Object(
          { enabled: flag('Only false: nobody has a password here', false) },
          { description: 'Passwords are for the identity provider' },
        ),
      ),
    ),
  },
  { description: 'What is left out stays as it is' },
);

export const RestOrganizationChanged = Type.Object(
  {
    status: text('That it was done', 'Organization updated'),
    id: OrganizationId,
    data: Type.Object(
      { ...RestOrganization.properties, ...organizationRules },
      { description: 'As it is now' },
    ),
  },
  { description: 'The organization as it is now' },
);

export const RestOrganizationDeleteBody = Type.Object(
  { orgId: OrganizationId },
  { description: 'Which one; it must have no apps' },
);

/** A member as the REST API shows it. */
export const RestMember = Type.Object(
  {
    uid: text('Id of the membership: a UUID', '6f9619ff-8b86-4d01-b42d-00c04fc964ff'),
    email,
    image_url: Type.String({ description: 'Always empty: there are no pictures', examples: [''] }),
    role: text(
      'What the member may do: read, upload, write, admin or super_admin; org_member, org_admin or org_super_admin for who sends capgo_api',
      'write',
    ),
    is_tmp: flag('Has not signed in yet', false),
  },
  { description: 'A person who may sign in' },
);
export type RestMember = Static<typeof RestMember>;

export const RestMemberQuery = Type.Object(
  { orgId: OrganizationId },
  { description: 'Of which organization' },
);
export const RestMemberList = Type.Object(
  { data: Type.Array(RestMember, { description: 'By address' }) },
  { description: 'The members' },
);
export const HostedMemberList = Type.Array(RestMember, { description: 'The members, by address' });

export const RestMemberInviteBody = Type.Object(
  {
    orgId: OrganizationId,
    email,
    invite_type: text(
      'The role: read, upload, write, admin, super_admin, the same with invite_ before it, or org_member, org_billing_admin, org_admin, org_super_admin; also under the name role',
      'write',
    ),
  },
  { description: 'Who becomes a member; no mail is sent: the role holds when the person signs in' },
);

export const RestMemberDeleteBody = Type.Object(
  { orgId: OrganizationId, email },
  { description: 'Who is a member no more' },
);
