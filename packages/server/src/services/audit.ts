import type { AuditEntry } from '../domain/audit.ts';
import type { AuditFilter, AuditLog } from '../ports/audit.ts';
import type { Clock } from '../ports/clock.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import type { DeliveryStore } from '../ports/webhooks.ts';
import { deleteInSteps } from './event-retention.ts';

/** Who changed what, and when. */
export interface Audit {
  /** Newest first. */
  list(filter: AuditFilter, page: PageRequest): Promise<Page<AuditEntry>>;
  /** A page by its number, from 0, and how many entries there are. */
  listPage(
    filter: AuditFilter,
    page: { readonly number: number; readonly limit: number },
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly total: number }>;
  /**
   * All of it, newest first, in parts: whatever the length of the log, only one part of it is in memory. What is added
   * meanwhile is not part of it.
   */
  export(filter: AuditFilter): AsyncIterable<readonly AuditEntry[]>;
}

const entriesPerPart = 500;

export function createAudit({ store }: { readonly store: AuditLog }): Audit {
  return {
    list: (filter, page) => store.listAudit(filter, page),

    async listPage(filter, { number, limit }) {
      const [{ items }, total] = await Promise.all([
        store.listAudit(filter, { limit, skip: number * limit }),
        store.countAudit(filter),
      ]);
      return { entries: items, total };
    },

    async *export(filter) {
      let cursor: string | undefined;
      do {
        const page: Page<AuditEntry> = await store.listAudit(filter, { limit: entriesPerPart, cursor });
        if (page.items.length > 0) yield page.items;
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },
  };
}

const dayMs = 24 * 60 * 60 * 1000;

/** Deletes entries older than so many days, and what became of webhooks' deliveries as long ago. */
export async function deleteOldAudit(deps: {
  readonly store: Pick<AuditLog, 'deleteAuditBefore'> & Pick<DeliveryStore, 'deleteDeliveriesBefore'>;
  readonly clock: Clock;
  readonly retentionDays: number;
}): Promise<number> {
  const { store, clock, retentionDays } = deps;
  const before = clock.now() - retentionDays * dayMs;
  await deleteInSteps((limit) => store.deleteDeliveriesBefore(before, limit));
  return deleteInSteps((limit) => store.deleteAuditBefore(before, limit));
}
