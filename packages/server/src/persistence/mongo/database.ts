import type { Collection, Document } from 'mongodb';
import type { CommitLog } from './commit-log.ts';
import type { CollectionName, CommittedCollections, LeaseDocument } from './schema.ts';

/** A connected and migrated database. */
export interface MongoDatabase {
  readonly log: CommitLog;
  collection<Name extends CollectionName>(name: Name): Collection<CommittedCollections[Name] & Document>;
  readonly leases: Collection<LeaseDocument>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
