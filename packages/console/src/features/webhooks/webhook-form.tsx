import { Select, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { WebhookFacts } from '../../api/webhooks.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { EventChoice } from './event-choice.tsx';

export const signatureWords: Readonly<Record<WebhookFacts['deliveryVersion'], string>> = {
  standard: 'Standard Webhooks',
  legacy: 'X-Capgo-Signature alone',
};
const explained: Readonly<Record<WebhookFacts['deliveryVersion'], string>> = {
  standard:
    'With webhook-id, webhook-timestamp and webhook-signature, which libraries verify; X-Capgo-Signature comes, too.',
  legacy: 'HMAC-SHA256 of time and body, as hex. For receivers that know nothing else.',
};

/** What an operator says of a webhook, new or not. */
export function WebhookForm<Result>({
  action,
  start,
  run,
  onDone,
}: {
  readonly action: string;
  readonly start: WebhookFacts;
  readonly run: (facts: WebhookFacts) => Promise<Result>;
  readonly onDone: (result: Result) => unknown;
}) {
  const [facts, setFacts] = useState(start);
  const change = (given: Partial<WebhookFacts>) => setFacts({ ...facts, ...given });
  const { name, url, events, deliveryVersion } = facts;
  return (
    <ActionForm
      action={action}
      isReady={name.trim() !== '' && url.trim() !== '' && events.length > 0}
      run={() => run({ ...facts, name: name.trim(), url: url.trim() })}
      onDone={onDone}
    >
      <TextInput
        label="Name"
        description="For people"
        placeholder="Chat"
        required
        data-autofocus
        value={name}
        onChange={(event) => change({ name: event.currentTarget.value })}
      />
      <TextInput
        label="URL"
        description="Where events are sent to"
        placeholder="https://example.com/hooks/capgo"
        required
        inputMode="url"
        autoComplete="off"
        spellCheck={false}
        value={url}
        onChange={(event) => change({ url: event.currentTarget.value })}
      />
      <EventChoice events={events} onChange={(chosen) => change({ events: chosen })} />
      <Select
        label="Signature"
        description={explained[deliveryVersion]}
        allowDeselect={false}
        value={deliveryVersion}
        onChange={(value) => value && change({ deliveryVersion: value })}
        data={(['standard', 'legacy'] as const).map((value) => ({ value, label: signatureWords[value] }))}
      />
    </ActionForm>
  );
}
