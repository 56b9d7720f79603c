import { Select, Switch, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import { saveChannel } from '../../api/channels.ts';
import { ActionForm } from '../../components/action-form.tsx';

export function CreateChannel({ appId, onDone }: { readonly appId: string; readonly onDone: () => void }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const { data: bundles = [] } = useQuery(bundlesQuery(appId));
  const [text, setText] = useState('');
  const [version, setVersion] = useState<string | null>(null);
  const [isPublic, setPublic] = useState(false);
  const name = text.trim();
  return (
    <ActionForm
      action="Create the channel"
      isReady={name !== ''}
      run={() => saveChannel(appId, name, { public: isPublic, ...(version === null ? {} : { version }) })}
      onDone={async () => {
        await queryClient.invalidateQueries({ queryKey: ['channels', appId] });
        onDone();
        await navigate({ to: '/apps/$appId/channels/$channel', params: { appId, channel: name } });
      }}
    >
      <TextInput
        label="Name"
        placeholder="production"
        required
        data-autofocus
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        spellCheck={false}
      />
      <Select
        label="Serves"
        placeholder="The builtin bundle"
        clearable
        searchable
        value={version}
        onChange={setVersion}
        data={bundles.map(({ version_name }) => version_name)}
        nothingFoundMessage="No such bundle"
      />
      <Switch
        label="Public"
        description="Devices that name no channel get it. Another public channel of the same platforms stops being it."
        checked={isPublic}
        onChange={(event) => setPublic(event.currentTarget.checked)}
      />
    </ActionForm>
  );
}
