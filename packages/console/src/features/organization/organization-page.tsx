import type { OrganizationView } from '@capgo-server/protocol/management/organizations';
import { Card, NumberInput, SimpleGrid, Stack, Switch, Text, TextInput, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { changeOrganization, type OrganizationChange } from '../../api/organizations.ts';
import { useCan } from '../../api/session.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { counted } from '../../components/amounts.ts';
import { Copyable } from '../../components/copy.tsx';
import { Facts } from '../../components/facts.tsx';
import { OrganizationPicker, useOrganization } from '../../components/organization-choice.tsx';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { isEncryptionKey, keyDaysOf } from './organization-rules.ts';

interface OfOrganization {
  readonly organization: OrganizationView;
}

/** A card whose fields are saved together. */
function Section({
  title,
  organization: { id },
  change,
  isReady = true,
  children,
}: OfOrganization & {
  readonly title: string;
  readonly change: OrganizationChange;
  readonly isReady?: boolean;
  readonly children: ReactNode;
}) {
  const queryClient = useQueryClient();
  return (
    <Card withBorder component="section" aria-label={title}>
      <Title order={2} mb="sm">
        {title}
      </Title>
      <ActionForm
        action="Save"
        isReady={isReady}
        run={() => changeOrganization(id, change)}
        onDone={async () => {
          await queryClient.invalidateQueries({ queryKey: ['organizations'] });
          tellDone(`${title}: saved.`);
        }}
      >
        {children}
      </ActionForm>
    </Card>
  );
}

function About({ organization }: OfOrganization) {
  const [name, setName] = useState(organization.name);
  const [email, setEmail] = useState(organization.management_email ?? '');
  const [website, setWebsite] = useState(organization.website ?? '');
  const change = {
    name: name.trim(),
    management_email: email.trim() || null,
    website: website.trim() || null,
  };
  return (
    <Section
      title="Name and contact"
      organization={organization}
      change={change}
      isReady={name.trim().length >= 3}
    >
      <TextInput
        label="Name"
        description="At least three characters"
        required
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput
        type="email"
        label="Contact"
        description="Address of who runs it"
        placeholder="ops@example.com"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <TextInput
        label="Website"
        placeholder="https://example.com"
        inputMode="url"
        value={website}
        onChange={(event) => setWebsite(event.currentTarget.value)}
      />
      <Text size="xs" c="dimmed" component="div">
        Id <Copyable value={organization.id} label="Copy the id" />
      </Text>
    </Section>
  );
}

function KeyRules({ organization }: OfOrganization) {
  const [mustEnd, setMustEnd] = useState(organization.require_apikey_expiration);
  const [days, setDays] = useState<string | number>(organization.max_apikey_expiration_days ?? '');
  const maxDays = keyDaysOf(days);
  return (
    <Section
      title="API keys"
      organization={organization}
      change={{ require_apikey_expiration: mustEnd, max_apikey_expiration_days: maxDays ?? null }}
      isReady={maxDays !== undefined}
    >
      <Switch
        label="Keys must end"
        description="A key that never ends cannot be made"
        checked={mustEnd}
        onChange={(event) => setMustEnd(event.currentTarget.checked)}
      />
      <NumberInput
        label="Days, at the most"
        description="1 to 365; empty for any time. Holds for every key that ends."
        min={1}
        max={365}
        allowDecimal={false}
        placeholder="Any"
        value={days}
        onChange={setDays}
      />
      <Text size="xs" c="dimmed">
        Keys that are there already stay as they are, until somebody changes when they end.
      </Text>
    </Section>
  );
}

function BundleRules({ organization }: OfOrganization) {
  const [isEnforced, setEnforced] = useState(organization.enforce_encrypted_bundles);
  const [key, setKey] = useState(organization.required_encryption_key ?? '');
  const isKeyGood = isEncryptionKey(key.trim());
  return (
    <Section
      title="Bundles"
      organization={organization}
      change={{ enforce_encrypted_bundles: isEnforced, required_encryption_key: key.trim() || null }}
      isReady={isKeyGood}
    >
      <Switch
        label="Take encrypted bundles only"
        description="Others are refused when they are uploaded"
        checked={isEnforced}
        onChange={(event) => setEnforced(event.currentTarget.checked)}
      />
      <TextInput
        label="Encrypted with this key"
        description="The first 20 or 21 characters of the public key; empty for any key. Counts while only encrypted bundles are taken."
        placeholder="Any"
        autoComplete="off"
        spellCheck={false}
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
        error={isKeyGood ? undefined : 'It has 20 or 21 characters, without spaces'}
      />
      <Text size="xs" c="dimmed">
        Bundles that are there already stay.
      </Text>
    </Section>
  );
}

const dash = '–';

function ReadOnly({ organization }: OfOrganization) {
  const { max_apikey_expiration_days: days, required_encryption_key: key } = organization;
  const keys = [
    organization.require_apikey_expiration ? 'must end' : 'may be without end',
    ...(days === null ? [] : [`end within ${counted(days, 'day')}`]),
  ];
  return (
    <Card withBorder>
      <Stack gap="xs">
        <Facts
          facts={[
            ['Name', organization.name],
            ['Contact', organization.management_email ?? dash],
            ['Website', organization.website ?? dash],
            ['API keys', keys.join(', ')],
            ['Bundles', organization.enforce_encrypted_bundles ? 'must be encrypted' : 'need no encryption'],
            ...(key === null ? [] : [['Encrypted with', <code key="k">{key}…</code>] as const]),
          ]}
        />
        <Text size="xs" c="dimmed">
          Your role may look at this, but not change it.
        </Text>
      </Stack>
    </Card>
  );
}

/** Who runs the apps, and what holds for all of their keys and bundles. */
export function OrganizationPage() {
  const { organization, error, retry } = useOrganization();
  const can = useCan();
  return (
    <Page
      title="Organization"
      description="Who runs the apps, and what holds for their keys and bundles."
      actions={<OrganizationPicker />}
    >
      {error ? (
        <Failure error={error} onRetry={retry} />
      ) : !organization ? (
        <LoadingRows />
      ) : can('organization.change') ? (
        <SimpleGrid key={organization.id} cols={{ base: 1, md: 2 }} style={{ alignItems: 'start' }}>
          <About organization={organization} />
          <Stack>
            <KeyRules organization={organization} />
            <BundleRules organization={organization} />
          </Stack>
        </SimpleGrid>
      ) : (
        <ReadOnly organization={organization} />
      )}
    </Page>
  );
}
