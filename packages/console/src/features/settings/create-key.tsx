import type { ApiKeyCreateBody, ShownApiKeyAnswer } from '@capgo-server/protocol/management/api-keys';
import { Alert, Button, Group, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { createApiKey } from '../../api/api-keys.ts';
import { appsQuery } from '../../api/apps.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { CodeBlock } from '../../components/copy.tsx';
import { type KeyEnd, keyEnds, keyEndTime } from './key-end.ts';

type Role = ApiKeyCreateBody['role'];
export const roleWords: Readonly<Record<Role, string>> = {
  read: 'Look at everything',
  upload: 'Upload bundles, too',
  write: 'Change channels, releases and devices, too',
  admin: 'Everything, also keys and deleting apps',
};

/** What proves the key: the only time that anybody sees it. */
function Shown({ answer, onDone }: { readonly answer: ShownApiKeyAnswer; readonly onDone: () => void }) {
  return (
    <Stack>
      <Alert color="yellow" icon={<IconKey />} title="Keep it now" role="status">
        The server keeps only a fingerprint of this key: it cannot be shown again. Send it as{' '}
        <code>x-api-key</code>, or give it to the CLI.
      </Alert>
      <CodeBlock text={answer.key} label="The new key" />
      <Group justify="flex-end">
        <Button onClick={onDone}>I have kept it</Button>
      </Group>
    </Stack>
  );
}

export function CreateKey({ onDone }: { readonly onDone: () => void }) {
  const queryClient = useQueryClient();
  const { data: apps = [] } = useQuery(appsQuery);
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('upload');
  const [scope, setScope] = useState<string[]>([]);
  const [end, setEnd] = useState<KeyEnd>('90');
  const [day, setDay] = useState('');
  const [answer, setAnswer] = useState<ShownApiKeyAnswer>();
  const expiresAt = keyEndTime(end, day, Date.now());
  if (answer) return <Shown answer={answer} onDone={onDone} />;
  return (
    <ActionForm
      action="Create the key"
      isReady={name.trim() !== '' && expiresAt !== undefined}
      run={() =>
        createApiKey({
          name: name.trim(),
          role,
          apps: scope.length === 0 ? null : scope,
          expires_at: expiresAt ?? null,
        })
      }
      onDone={async (made) => {
        setAnswer(made);
        await queryClient.invalidateQueries({ queryKey: ['api-keys'] });
      }}
    >
      <TextInput
        label="Name"
        description="What it is for"
        placeholder="Release pipeline"
        required
        data-autofocus
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Select
        label="Role"
        description={`${roleWords[role]}.`}
        allowDeselect={false}
        value={role}
        onChange={(value) => value && setRole(value)}
        data={(Object.keys(roleWords) as Role[]).map((value) => ({ value, label: value }))}
      />
      <TagsInput
        label="Apps"
        description="Empty for all, also those to come. An app need not exist yet."
        placeholder={scope.length === 0 ? 'All apps' : undefined}
        value={scope}
        onChange={setScope}
        data={apps.map(({ appId }) => appId)}
        splitChars={[',', ' ']}
        clearable
        clearButtonProps={{ 'aria-label': 'All apps' }}
      />
      {role === 'admin' && scope.length > 0 && (
        <Text size="xs" c="dimmed">
          What concerns the whole server, such as keys, stays closed to a key for some apps.
        </Text>
      )}
      <Group grow align="flex-start">
        <Select
          label="Ends"
          allowDeselect={false}
          value={end}
          onChange={(value) => value && setEnd(value)}
          data={[...keyEnds]}
        />
        {end === 'day' && (
          <TextInput
            type="date"
            label="Last day"
            required
            value={day}
            onChange={(event) => setDay(event.currentTarget.value)}
          />
        )}
      </Group>
    </ActionForm>
  );
}
