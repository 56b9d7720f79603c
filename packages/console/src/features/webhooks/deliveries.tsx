import type { RestDelivery, RestWebhook } from '@capgo-server/protocol/management/rest-webhooks';
import { Alert, Badge, Button, Group, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import { IconSend } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type DeliveryStatus, deliveriesQuery, retryDelivery } from '../../api/webhooks.ts';
import { CodeBlock } from '../../components/copy.tsx';
import { Expandable, ExpandableList } from '../../components/expandable.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone, tellFailed } from '../../components/tell.ts';
import { When } from '../../components/when.tsx';
import { answerOf, attemptsOf, readable, statusWords } from './delivery-words.ts';

function Details({ delivery }: { readonly delivery: RestDelivery }) {
  const { request_payload, response_status, response_body, response_headers } = delivery;
  return (
    <Stack gap="sm">
      {response_status !== null && (
        <Stack gap={4}>
          <Text size="sm" fw={600}>
            What it answered
          </Text>
          {response_body ? (
            <CodeBlock text={readable(response_body)} label="What it answered" />
          ) : (
            <Text size="sm" c="dimmed">
              A status of {response_status}, and no text.
            </Text>
          )}
        </Stack>
      )}
      {response_headers && (
        <Stack gap={4}>
          <Text size="sm" fw={600}>
            Headers of the answer
          </Text>
          <CodeBlock
            text={Object.entries(response_headers)
              .map(([name, value]) => `${name}: ${value}`)
              .join('\n')}
            label="Headers of the answer"
          />
        </Stack>
      )}
      <Stack gap={4}>
        <Text size="sm" fw={600}>
          What is sent
        </Text>
        <CodeBlock text={JSON.stringify(request_payload, null, 2)} label="What is sent" />
      </Stack>
      <Text size="xs" c="dimmed">
        Delivery {delivery.id}
        {delivery.audit_log_id !== null && ` of entry ${delivery.audit_log_id} of the audit log`}
      </Text>
    </Stack>
  );
}

function Delivery({ delivery, mayRetry }: { readonly delivery: RestDelivery; readonly mayRetry: boolean }) {
  const queryClient = useQueryClient();
  const retrying = useMutation({
    mutationFn: () => retryDelivery(delivery),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ['webhooks', delivery.org_id, delivery.webhook_id] });
      tellDone('It is sent again.');
    },
    onError: tellFailed,
  });
  const { text, color } = statusWords[delivery.status];
  const answer = answerOf(delivery);
  return (
    <Expandable
      summary={<b>{delivery.event_type}</b>}
      below={
        <Text size="xs" c="dimmed" component="div" style={{ overflowWrap: 'anywhere' }}>
          {attemptsOf(delivery)}
          {answer !== undefined && <> · {answer}</>}
          {delivery.duration_ms !== null && ` (${delivery.duration_ms} ms)`}
          {delivery.next_retry_at !== null && (
            <>
              {' '}
              · next attempt <When at={delivery.next_retry_at} />
            </>
          )}
        </Text>
      }
      aside={
        <>
          {delivery.status === 'failed' && mayRetry && (
            <Button
              size="compact-xs"
              variant="default"
              aria-label={`Send again: ${delivery.event_type}`}
              loading={retrying.isPending}
              onClick={() => retrying.mutate()}
            >
              Send again
            </Button>
          )}
          <When at={delivery.created_at} />
          <Badge variant="light" color={color} tt="none" w={84}>
            {text}
          </Badge>
        </>
      }
    >
      {() => <Details delivery={delivery} />}
    </Expandable>
  );
}

const choices = [
  { value: '', label: 'All' },
  { value: 'pending', label: 'Waiting' },
  { value: 'success', label: 'Delivered' },
  { value: 'failed', label: 'Given up' },
] as const;
const refreshMs = 5_000;

/** What became of the events of a webhook. */
export function Deliveries({ webhook }: { readonly webhook: RestWebhook }) {
  const [status, setStatus] = useState<DeliveryStatus | ''>('');
  const deliveries = useInfiniteQuery({
    ...deliveriesQuery(webhook.org_id, webhook.id, status || undefined),
    // What waits is sent without anybody's doing, and events come without it, too.
    refetchInterval: refreshMs,
  });
  const rows = deliveries.data?.pages.flatMap((page) => page.deliveries) ?? [];
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <Title order={2}>Deliveries</Title>
        <SegmentedControl
          size="xs"
          aria-label="Which deliveries"
          transitionDuration={0}
          value={status}
          onChange={(value) => setStatus(value as DeliveryStatus | '')}
          data={choices.map((choice) => ({ ...choice }))}
        />
      </Group>
      {deliveries.error ? (
        <Failure error={deliveries.error} onRetry={() => void deliveries.refetch()} />
      ) : !deliveries.data ? (
        <LoadingRows rows={3} />
      ) : rows.length === 0 ? (
        <Nothing icon={IconSend} title={status === '' ? 'Nothing was sent yet' : 'No such delivery'}>
          {status === '' && 'Deliveries appear here as soon as an event of this webhook happens.'}
        </Nothing>
      ) : (
        <>
          {!webhook.enabled && rows.some((row) => row.status === 'failed') && (
            <Alert color="blue">What was given up can be sent again once the webhook is enabled.</Alert>
          )}
          <ExpandableList label="Deliveries">
            {rows.map((delivery) => (
              <Delivery key={delivery.id} delivery={delivery} mayRetry={webhook.enabled} />
            ))}
          </ExpandableList>
          {deliveries.hasNextPage && (
            <Button
              variant="default"
              loading={deliveries.isFetchingNextPage}
              onClick={() => void deliveries.fetchNextPage()}
            >
              Load more
            </Button>
          )}
        </>
      )}
    </Stack>
  );
}
