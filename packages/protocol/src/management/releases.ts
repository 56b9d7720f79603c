import { type Static, Type } from 'typebox';
import { platforms } from '../formats/identifiers.ts';
import { AppId, messageAnswer, nullable, oneOf, text, timestamp } from './fields.ts';
import { pageOf, RecordId, recordIdOf } from './pages.ts';

/** A release as the management API shows it; times are ISO 8601 in UTC. */
export const ReleaseView = Type.Object(
  {
    id: recordIdOf('Id of the release'),
    app_id: AppId,
    platform: oneOf(platforms, 'The operating system it was built for'),
    version_name: text('Native version, as the build states it', '1.0.0'),
    version_code: text('Native build number', '42'),
    release_date: nullable(timestamp('When it was published; null while nobody said')),
    builtin_bundle_id: recordIdOf('The bundle inside the native build'),
    active_bundle_id: nullable(recordIdOf('The bundle its devices are to run; null for the builtin one')),
    created_at: timestamp('When it was registered'),
    updated_at: timestamp('When it was changed last'),
  },
  { title: 'Release', description: 'A published native build' },
);
export type ReleaseView = Static<typeof ReleaseView>;

export const ReleaseList = pageOf(ReleaseView, 'releases, newest first');

export const ReleaseAnswer = Type.Object(
  { message: text('What was done, for people', 'Release updated successfully'), release: ReleaseView },
  { description: 'The release as it is now' },
);

export const ReleaseCreateBody = Type.Object(
  {
    platform: text('ios, android or electron, in any letter case', 'android'),
    app_id: AppId,
    version_name: text('Native version, as the build states it', '1.0.0'),
    version_code: text('Native build number, as text', '42'),
    builtin_bundle_id: RecordId,
  },
  { description: 'A native build' },
);
export type ReleaseCreateBody = Static<typeof ReleaseCreateBody>;

export const ReleaseUpdateBody = Type.Object(
  {
    release_id: RecordId,
    release_date: Type.Optional(
      nullable(text('A date, or a date-time with zone; null for none', '2026-01-31T12:00:00Z')),
    ),
  },
  { description: 'What is to be known of a release' },
);
export type ReleaseUpdateBody = Static<typeof ReleaseUpdateBody>;

export const ReleaseSetActiveBody = Type.Object(
  {
    release_id: RecordId,
    bundle_id: Type.Union([RecordId, Type.Null()], {
      description: 'The bundle its devices are to run; null returns the release to builtin',
      examples: ['6560a1f4c0ffee0123456789'],
    }),
  },
  { description: 'Which bundle the devices of a release are to run' },
);
export type ReleaseSetActiveBody = Static<typeof ReleaseSetActiveBody>;

export const ReleaseDeleteBody = Type.Object(
  { release_id: RecordId },
  { description: 'The release that is to be forgotten' },
);
export type ReleaseDeleteBody = Static<typeof ReleaseDeleteBody>;

export const ReleaseDeleteAnswer = messageAnswer('Release deleted successfully');
