import type { ApiKeyView } from '@capgo-server/protocol/management/api-keys';
import { Badge, Button, Modal, Paper, Table, Text, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { apiKeysQuery, revokeApiKey } from '../../api/api-keys.ts';
import { useCan } from '../../api/session.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Page } from '../../components/page.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';
import { CreateKey } from './create-key.tsx';

const roleColors = { read: 'gray', upload: 'blue', write: 'orange', admin: 'red' } as const;

function KeyRow({ apiKey, onRevoke }: { readonly apiKey: ApiKeyView; readonly onRevoke: () => void }) {
  const isOver = apiKey.expires_at !== null && Date.parse(apiKey.expires_at) <= Date.now();
  return (
    <Table.Tr>
      <Table.Td>
        <Text fw={600} size="sm">
          {apiKey.name}
        </Text>
        <Text size="xs" c="dimmed">
          made <When at={apiKey.created_at} isAgo /> by {apiKey.created_by}
        </Text>
      </Table.Td>
      <Table.Td>
        <Badge variant="light" color={roleColors[apiKey.role]} tt="none">
          {apiKey.role}
        </Badge>
      </Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>
        {apiKey.apps === null ? 'all apps' : apiKey.apps.join(', ')}
      </Table.Td>
      <Table.Td>
        {apiKey.expires_at === null ? (
          'never'
        ) : isOver ? (
          <Badge variant="light" color="red" tt="none">
            ended
          </Badge>
        ) : (
          <When at={apiKey.expires_at} />
        )}
      </Table.Td>
      <Table.Td>{apiKey.last_used_at === null ? 'never' : <When at={apiKey.last_used_at} isAgo />}</Table.Td>
      <Table.Td ta="right">
        <Button
          size="compact-sm"
          variant="light"
          color="red"
          aria-label={`Revoke ${apiKey.name}`}
          onClick={onRevoke}
        >
          Revoke
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}

/** The keys by which programs call the management API. */
export function ApiKeysPage() {
  const keys = useQuery(apiKeysQuery);
  const can = useCan();
  const queryClient = useQueryClient();
  const [isCreating, creation] = useDisclosure(false);
  const [revoking, setRevoking] = useState<ApiKeyView>();
  const create = can('keys.manage') && (
    <Button leftSection={<IconPlus size={16} />} onClick={creation.open}>
      Create a key
    </Button>
  );
  return (
    <Page
      title="API keys"
      description="For programs that call the management API: build pipelines, the CLI, scripts."
      actions={create}
    >
      {keys.error ? (
        <Failure error={keys.error} onRetry={() => void keys.refetch()} />
      ) : !keys.data ? (
        <LoadingRows />
      ) : keys.data.length === 0 ? (
        <Nothing icon={IconKey} title="No API key yet" action={create}>
          A key may do less than the management token, and ends without anybody else’s doing.
        </Nothing>
      ) : (
        <Paper withBorder>
          <ScrollTable label="API keys" minWidth={820} spacing="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Role</Table.Th>
                <Table.Th>Apps</Table.Th>
                <Table.Th>Ends</Table.Th>
                <Table.Th>Last used</Table.Th>
                <Table.Th>
                  <VisuallyHidden>Actions</VisuallyHidden>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {keys.data.map((apiKey) => (
                <KeyRow key={apiKey.id} apiKey={apiKey} onRevoke={() => setRevoking(apiKey)} />
              ))}
            </Table.Tbody>
          </ScrollTable>
        </Paper>
      )}
      <Modal
        opened={isCreating}
        onClose={creation.close}
        title="Create an API key"
        // The key that it shows at the end is not shown again.
        closeOnClickOutside={false}
        closeOnEscape={false}
      >
        <CreateKey onDone={creation.close} />
      </Modal>
      {revoking && (
        <Confirm
          opened
          onClose={() => setRevoking(undefined)}
          title={`Revoke ${revoking.name}`}
          action="Revoke"
          name={revoking.name}
          run={async () => {
            await revokeApiKey(revoking.id);
            await queryClient.invalidateQueries({ queryKey: ['api-keys'] });
            tellDone(`Key ${revoking.name} is revoked.`);
          }}
        >
          Whatever still uses it is refused from then on
          {revoking.last_used_at === null ? '; it was never used' : ''}. It cannot be brought back.
        </Confirm>
      )}
    </Page>
  );
}
