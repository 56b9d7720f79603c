import type { AuditView } from '@capgo-server/protocol/management/audit';
import { infiniteQueryOptions } from '@tanstack/react-query';
import { api, type ListAnswer } from './client.ts';
import type { AuditFilter } from './filters.ts';

const rowsAPage = 50;

export const auditQuery = (filter: AuditFilter) =>
  infiniteQueryOptions({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<ListAnswer<AuditView>>(
        'audit.list',
        { ...filter, limit: rowsAPage, cursor: pageParam },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
  });

/** All that the filter leaves, one entry of JSON a line. Rejects when it breaks off. */
export async function exportAudit(filter: AuditFilter): Promise<Blob> {
  return (await api.open('audit.export', filter)).blob();
}
