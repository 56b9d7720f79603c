import type { RestWebhook } from '@capgo-server/protocol/management/rest-webhooks';
import { Badge, Button, Modal, Paper, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPlus, IconWebhook } from '@tabler/icons-react';
import { skipToken, useQuery } from '@tanstack/react-query';
import { useCan } from '../../api/session.ts';
import { webhooksQuery } from '../../api/webhooks.ts';
import { TextLink } from '../../components/links.tsx';
import { OrganizationPicker, useOrganization } from '../../components/organization-choice.tsx';
import { Page } from '../../components/page.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';
import { eventsInWords } from './chosen-events.ts';
import { CreateWebhook } from './create-webhook.tsx';

export function Enabled({ isEnabled }: { readonly isEnabled: boolean }) {
  return (
    <Badge variant="light" color={isEnabled ? 'teal' : 'gray'} tt="none">
      {isEnabled ? 'enabled' : 'disabled'}
    </Badge>
  );
}

function WebhookRow({ webhook }: { readonly webhook: RestWebhook }) {
  const events = eventsInWords(webhook.events);
  return (
    <Table.Tr>
      <Table.Td>
        <TextLink
          to="/settings/webhooks/$webhookId"
          params={{ webhookId: webhook.id }}
          search={{ org: webhook.org_id }}
          size="sm"
          fw={600}
        >
          {webhook.name}
        </TextLink>
        <Text size="xs" c="dimmed">
          made <When at={webhook.created_at} isAgo />
          {webhook.created_by && ` by ${webhook.created_by}`}
        </Text>
      </Table.Td>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>{webhook.url}</Table.Td>
      <Table.Td>
        {events.slice(0, 3).join(' · ')}
        {events.length > 3 && ` and ${events.length - 3} more`}
      </Table.Td>
      <Table.Td>
        <Enabled isEnabled={webhook.enabled} />
      </Table.Td>
    </Table.Tr>
  );
}

/** Who is told of changes. */
export function WebhooksPage() {
  const { organization, error, retry } = useOrganization();
  const orgId = organization?.id;
  const webhooks = useQuery({
    ...webhooksQuery(orgId ?? ''),
    ...(orgId === undefined ? { queryFn: skipToken } : {}),
  });
  const can = useCan();
  const [isCreating, creation] = useDisclosure(false);
  const create = can('webhooks.manage') && organization && (
    <Button leftSection={<IconPlus size={16} />} onClick={creation.open}>
      Create a webhook
    </Button>
  );
  const failure = error ?? webhooks.error;
  return (
    <Page
      title="Webhooks"
      description="Other services are told of changes, each with a signed request of its own."
      actions={
        <>
          <OrganizationPicker />
          {create}
        </>
      }
    >
      {failure ? (
        <Failure error={failure} onRetry={() => (error ? retry() : void webhooks.refetch())} />
      ) : !webhooks.data ? (
        <LoadingRows />
      ) : webhooks.data.length === 0 ? (
        <Nothing icon={IconWebhook} title="No webhook yet" action={create}>
          A chat that hears of each release, or a monitor that wakes somebody when a rollout is paused.
        </Nothing>
      ) : (
        <Paper withBorder>
          <ScrollTable label="Webhooks" minWidth={760} spacing="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>URL</Table.Th>
                <Table.Th>Events</Table.Th>
                <Table.Th>State</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {webhooks.data.map((webhook) => (
                <WebhookRow key={webhook.id} webhook={webhook} />
              ))}
            </Table.Tbody>
          </ScrollTable>
        </Paper>
      )}
      {orgId !== undefined && (
        <Modal
          opened={isCreating}
          onClose={creation.close}
          title="Create a webhook"
          size="lg"
          // The secret that it shows at the end is not shown again.
          closeOnClickOutside={false}
          closeOnEscape={false}
        >
          <CreateWebhook orgId={orgId} onDone={creation.close} />
        </Modal>
      )}
    </Page>
  );
}
