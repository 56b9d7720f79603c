import { type Static, Type } from 'typebox';
import { RecordId } from './pages.ts';

/** A release as the management API shows it; times are ISO 8601 in UTC. */
export interface ReleaseView {
  readonly id: string;
  readonly app_id: string;
  readonly platform: string;
  readonly version_name: string;
  readonly version_code: string;
  readonly release_date: string | null;
  readonly builtin_bundle_id: string;
  readonly active_bundle_id: string | null;
  readonly created_at: string;
  readonly updated_at: string;
}

export const ReleaseCreateBody = Type.Object({
  platform: Type.String({ description: 'ios, android or electron, in any letter case' }),
  app_id: Type.String({ description: 'The app, by its reverse-domain id' }),
  version_name: Type.String({ description: 'Native version, as the build states it' }),
  version_code: Type.String({ description: 'Native build number, as text' }),
  builtin_bundle_id: RecordId,
});
export type ReleaseCreateBody = Static<typeof ReleaseCreateBody>;

export const ReleaseUpdateBody = Type.Object({
  release_id: RecordId,
  release_date: Type.Optional(
    Type.Union([Type.String({ description: 'A date or a date-time with zone' }), Type.Null()]),
  ),
});
export type ReleaseUpdateBody = Static<typeof ReleaseUpdateBody>;

export const ReleaseSetActiveBody = Type.Object({
  release_id: RecordId,
  bundle_id: Type.Union([RecordId, Type.Null()], { description: 'null returns the release to builtin' }),
});
export type ReleaseSetActiveBody = Static<typeof ReleaseSetActiveBody>;

export const ReleaseDeleteBody = Type.Object({ release_id: RecordId });
export type ReleaseDeleteBody = Static<typeof ReleaseDeleteBody>;
