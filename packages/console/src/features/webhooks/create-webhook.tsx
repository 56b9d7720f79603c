import type { RestWebhookCreated } from '@capgo-server/protocol/management/rest-webhooks';
import { Alert, Button, Group, Stack } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { createWebhook, type WebhookFacts } from '../../api/webhooks.ts';
import { CodeBlock } from '../../components/copy.tsx';
import { WebhookForm } from './webhook-form.tsx';

const start: WebhookFacts = { name: '', url: '', events: [], deliveryVersion: 'standard' };

export function CreateWebhook({ orgId, onDone }: { readonly orgId: string; readonly onDone: () => void }) {
  const queryClient = useQueryClient();
  const [made, setMade] = useState<RestWebhookCreated>();
  if (made)
    return (
      <Stack>
        <Alert color="yellow" icon={<IconKey />} title="Keep the secret now" role="status">
          Deliveries are signed with it: the receiver proves by it that they come from this server. It is not
          shown again.
        </Alert>
        <CodeBlock text={made.webhook.secret} label="The secret" />
        <Group justify="flex-end">
          <Button onClick={onDone}>I have kept it</Button>
        </Group>
      </Stack>
    );
  return (
    <WebhookForm
      action="Create the webhook"
      start={start}
      run={(facts) => createWebhook(orgId, facts)}
      onDone={async (answer) => {
        setMade(answer);
        await queryClient.invalidateQueries({ queryKey: ['webhooks', orgId] });
      }}
    />
  );
}
