import { Button, Stack } from '@mantine/core';
import { IconDownload, IconHistory } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { auditQuery, exportAudit } from '../../api/audit.ts';
import type { AuditFilter } from '../../api/filters.ts';
import { ExpandableList } from '../../components/expandable.tsx';
import { Page } from '../../components/page.tsx';
import { saveFile } from '../../components/save-file.ts';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone, tellFailed } from '../../components/tell.ts';
import { asked, auditFilterOf } from './audit-filter.ts';
import { actorOf } from './audit-words.ts';
import { Entry } from './entry.tsx';
import { Filters } from './filters.tsx';

/** Who changed what. */
export function AuditPage() {
  const filter = useSearch({ from: '/inside/settings/audit' });
  const navigate = useNavigate();
  const entries = useInfiniteQuery(auditQuery(asked(filter)));
  const rows = entries.data?.pages.flatMap(({ data }) => data) ?? [];
  const isFiltered = Object.keys(filter).length > 0;
  const show = (search: AuditFilter) => {
    if (JSON.stringify(search) !== JSON.stringify(filter))
      void navigate({ to: '/settings/audit', search, replace: true });
  };
  const narrow = (change: AuditFilter) => show(auditFilterOf({ ...filter, ...change }));
  const actors = new Map(
    rows.flatMap((entry) => {
      const { id, name } = actorOf(entry);
      return id === null ? [] : [[id, name] as const];
    }),
  );
  const exporting = useMutation({
    mutationFn: () => exportAudit(asked(filter)),
    onSuccess: (content) => {
      saveFile(content, 'audit.ndjson');
      tellDone('The log is saved as audit.ndjson.');
    },
    onError: tellFailed,
  });
  return (
    <Page
      title="Audit log"
      description="Who changed what, the newest first."
      actions={
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          title="One entry of JSON a line, all that the filter leaves"
          loading={exporting.isPending}
          disabled={rows.length === 0}
          onClick={() => exporting.mutate()}
        >
          Export as NDJSON
        </Button>
      }
    >
      <Filters filter={filter} actors={actors} onChange={narrow} onClear={() => show({})} />
      {entries.error ? (
        <Failure error={entries.error} onRetry={() => void entries.refetch()} />
      ) : !entries.data ? (
        <LoadingRows />
      ) : rows.length === 0 ? (
        <Nothing icon={IconHistory} title={isFiltered ? 'No such change' : 'Nothing was changed yet'}>
          {isFiltered
            ? 'None that is still kept matches.'
            : 'Every change of apps, bundles, channels, releases, pins, keys, members and webhooks appears here.'}
        </Nothing>
      ) : (
        <Stack>
          <ExpandableList label="Changes">
            {rows.map((entry) => (
              <Entry key={entry.id} entry={entry} onActor={(actor) => narrow({ actor })} />
            ))}
          </ExpandableList>
          {entries.hasNextPage && (
            <Button
              variant="default"
              loading={entries.isFetchingNextPage}
              onClick={() => void entries.fetchNextPage()}
            >
              Load more
            </Button>
          )}
        </Stack>
      )}
    </Page>
  );
}
