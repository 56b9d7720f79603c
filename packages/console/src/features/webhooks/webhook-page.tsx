import type {
  RestWebhookTested,
  RestWebhookWithStatistics,
} from '@capgo-server/protocol/management/rest-webhooks';
import { Alert, Button, Card, Code, List, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconAlertTriangle, IconCircleCheck, IconPencil, IconSend, IconTrash } from '@tabler/icons-react';
import { skipToken, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import {
  changeWebhook,
  deleteWebhook,
  deliveriesQuery,
  testWebhook,
  webhookQuery,
} from '../../api/webhooks.ts';
import { count, counted } from '../../components/amounts.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Copyable } from '../../components/copy.tsx';
import { Facts } from '../../components/facts.tsx';
import { useOrganization } from '../../components/organization-choice.tsx';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { tellDone, tellFailed } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';
import { eventsInWords } from './chosen-events.ts';
import { Deliveries } from './deliveries.tsx';
import { signatureWords, WebhookForm } from './webhook-form.tsx';
import { Enabled } from './webhooks-page.tsx';

/** What came of a test call. */
function Tested({ outcome }: { readonly outcome: RestWebhookTested }) {
  const { success, status, duration_ms, response_preview, message } = outcome;
  return (
    <Alert
      role="status"
      color={success ? 'teal' : 'red'}
      icon={success ? <IconCircleCheck /> : <IconAlertTriangle />}
      title={message}
    >
      <Stack gap="xs">
        <Text size="sm">
          {status === null ? 'No answer' : `Status ${status}`}
          {duration_ms !== null && ` after ${count(duration_ms)} ms`}
        </Text>
        {response_preview !== '' && (
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {response_preview}
          </Code>
        )}
      </Stack>
    </Alert>
  );
}

function FactsCard({ webhook }: { readonly webhook: RestWebhookWithStatistics }) {
  const { success, failed, pending } = webhook.stats_24h;
  return (
    <Card withBorder>
      <Facts
        facts={[
          ['URL', <Copyable key="u" value={webhook.url} />],
          [
            'Events',
            <List key="e" size="sm" listStyleType="none">
              {eventsInWords(webhook.events).map((text) => (
                <List.Item key={text}>{text}</List.Item>
              ))}
            </List>,
          ],
          ['Signature', signatureWords[webhook.delivery_version]],
          [
            'Last 24 hours',
            `${count(success)} delivered, ${count(failed)} given up, ${count(pending)} waiting`,
          ],
          [
            'Made',
            <Text key="m" size="sm" component="span">
              <When at={webhook.created_at} />
              {webhook.created_by && ` by ${webhook.created_by}`}
            </Text>,
          ],
        ]}
      />
    </Card>
  );
}

function Whole({ webhook }: { readonly webhook: RestWebhookWithStatistics }) {
  const { org_id, id, name, enabled } = webhook;
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [isEditing, edit] = useDisclosure(false);
  const [isDeleting, deletion] = useDisclosure(false);
  const deliveries = useInfiniteQuery(deliveriesQuery(org_id, id, undefined));
  const total = deliveries.data?.pages[0]?.pagination.total;
  const renew = () => queryClient.invalidateQueries({ queryKey: ['webhooks', org_id] });
  const testing = useMutation({
    mutationFn: () => testWebhook(webhook),
    onSuccess: renew,
    onError: tellFailed,
  });
  const switching = useMutation({
    mutationFn: () => changeWebhook(webhook, { enabled: !enabled }),
    onSuccess: async () => {
      await renew();
      tellDone(enabled ? `${name} is told of nothing more.` : `${name} is told of events again.`);
    },
    onError: tellFailed,
  });
  return (
    <Page
      title={name}
      crumbs={[{ label: 'Webhooks', to: '/settings/webhooks', search: { org: org_id } }]}
      badges={<Enabled isEnabled={enabled} />}
      actions={
        <>
          <Button
            leftSection={<IconSend size={16} />}
            loading={testing.isPending}
            onClick={() => testing.mutate()}
          >
            Send a test
          </Button>
          <Button variant="default" leftSection={<IconPencil size={16} />} onClick={edit.open}>
            Edit
          </Button>
          <Button variant="default" loading={switching.isPending} onClick={() => switching.mutate()}>
            {enabled ? 'Disable' : 'Enable'}
          </Button>
          <Button color="red" variant="light" leftSection={<IconTrash size={16} />} onClick={deletion.open}>
            Delete
          </Button>
        </>
      }
    >
      {!enabled && (
        <Alert color="yellow" icon={<IconAlertTriangle />}>
          It is told of nothing while it is disabled. The server disables a webhook itself when it gives up a
          delivery, or is answered 410.
        </Alert>
      )}
      {testing.data && <Tested outcome={testing.data} />}
      <FactsCard webhook={webhook} />
      <Deliveries webhook={webhook} />
      <Modal opened={isEditing} onClose={edit.close} title={`Edit ${name}`} size="lg">
        <WebhookForm
          action="Save"
          start={{ ...webhook, deliveryVersion: webhook.delivery_version }}
          run={(facts) =>
            changeWebhook(webhook, {
              ...{ name: facts.name, url: facts.url, events: facts.events },
              deliveryVersion: facts.deliveryVersion,
            })
          }
          onDone={async () => {
            await renew();
            edit.close();
            tellDone('The webhook is saved.');
          }}
        />
      </Modal>
      <Confirm
        opened={isDeleting}
        onClose={deletion.close}
        title={`Delete ${name}`}
        action="Delete the webhook"
        name={name}
        run={async () => {
          await deleteWebhook(webhook);
          tellDone(`Webhook ${name} is deleted.`);
          await navigate({ to: '/settings/webhooks', search: { org: org_id } });
          queryClient.removeQueries({ queryKey: ['webhooks', org_id, id] });
          await renew();
        }}
      >
        {new URL(webhook.url).host} is told of nothing more. With it goes the log of{' '}
        {total === undefined ? 'its deliveries' : counted(total, 'delivery', 'deliveries')}; what is still
        waiting is not sent, and its secret is forgotten. This cannot be undone.
      </Confirm>
    </Page>
  );
}

export function WebhookPage() {
  const { webhookId } = useParams({ from: '/inside/settings/webhooks/$webhookId' });
  const { organization, error, retry } = useOrganization();
  const orgId = organization?.id;
  const webhook = useQuery({
    ...webhookQuery(orgId ?? '', webhookId),
    ...(orgId === undefined ? { queryFn: skipToken } : {}),
  });
  if (webhook.data) return <Whole key={webhookId} webhook={webhook.data} />;
  const failure = error ?? webhook.error;
  return (
    <Page title="Webhook" crumbs={[{ label: 'Webhooks', to: '/settings/webhooks' }]}>
      {failure ? (
        <Failure error={failure} onRetry={() => (error ? retry() : void webhook.refetch())} />
      ) : (
        <LoadingRows />
      )}
    </Page>
  );
}
