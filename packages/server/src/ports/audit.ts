import type { AuditEntry, AuditOperation, AuditTable } from '../domain/audit.ts';
import type { Page, PageRequest } from './page.ts';

/** What an entry must be to be listed; what is left out does not matter. */
export interface AuditFilter {
  readonly organizationId?: string | undefined;
  readonly appId?: string | undefined;
  /** The id of who made the change. */
  readonly actorId?: string | undefined;
  readonly table?: AuditTable | undefined;
  readonly operation?: AuditOperation | undefined;
  readonly fromMs?: number | undefined;
  /** The end, which is not part of it. */
  readonly toMs?: number | undefined;
}

/**
 * Every change of what operators see, with who made it and the record before and after. An entry is written in the same
 * step as its change, so that there is never one without the other; a change that leaves a record as it was has none.
 */
export interface AuditLog {
  /**
   * Newest first: in the order in which they were committed; paging holds while entries are added and deleted.
   *
   * @param page.skip entries before the page, for clients that count pages
   */
  listAudit(filter: AuditFilter, page: PageRequest & { readonly skip?: number }): Promise<Page<AuditEntry>>;
  countAudit(filter: AuditFilter): Promise<number>;
  /**
   * Entries after one, oldest first: whoever asks again with the last id it was answered misses none, whatever is
   * committed meanwhile by whichever node. null asks for the first that is kept.
   */
  readAuditAfter(id: number | null, limit: number): Promise<readonly AuditEntry[]>;
  /** The id of the last entry; 0 when there is none. */
  lastAuditId(): Promise<number>;
  /** Deletes at most `limit` entries older than that time, the oldest first; answers how many. */
  deleteAuditBefore(timeMs: number, limit: number): Promise<number>;
}
