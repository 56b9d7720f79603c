import { Button, Card, Group, Loader, Stack, Text, TextInput, ThemeIcon, Title } from '@mantine/core';
import { IconArrowRight, IconCheck } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useState } from 'react';
import { appsQuery, createApp } from '../../api/apps.ts';
import { bundlesQuery } from '../../api/bundles.ts';
import { channelsQuery, saveChannel } from '../../api/channels.ts';
import { firstDeviceQuery } from '../../api/devices.ts';
import { serverQuery } from '../../api/server.ts';
import { useCan } from '../../api/session.ts';
import { CodeBlock } from '../../components/copy.tsx';
import { Page } from '../../components/page.tsx';
import { PublicUrlCheck } from '../../components/public-url-check.tsx';
import { Failure } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { UploadForm } from '../bundles/upload-form.tsx';
import { configBlock, isAppId } from './capacitor-config.ts';
import { Simulate } from './simulate.tsx';

function StepCard({
  number,
  title,
  isDone,
  isWaiting = false,
  children,
}: {
  readonly number: number;
  readonly title: string;
  readonly isDone: boolean;
  readonly isWaiting?: boolean;
  readonly children: ReactNode;
}) {
  return (
    <Card withBorder component="section" aria-label={`Step ${number}: ${title}`} data-done={isDone}>
      <Stack>
        <Group gap="sm" wrap="nowrap">
          <ThemeIcon
            radius="xl"
            size={32}
            color={isDone ? 'teal' : 'brand'}
            variant={isDone ? 'filled' : 'light'}
          >
            {isDone ? (
              <IconCheck size={18} aria-label="done" />
            ) : isWaiting ? (
              <Loader size={16} />
            ) : (
              <Text span fw={700} size="sm">
                {number}
              </Text>
            )}
          </ThemeIcon>
          <Title order={2}>{title}</Title>
        </Group>
        {children}
      </Stack>
    </Card>
  );
}

/** From nothing to the first device, each step checked against the server. */
export function FirstRunPage() {
  const { app: chosen } = useSearch({ from: '/inside/start' });
  const navigate = useNavigate();
  const [typed, setTyped] = useState(chosen ?? '');
  const server = useQuery(serverQuery);
  const appId = chosen ?? '';
  const hasApp = isAppId(appId);
  const bundles = useQuery({ ...bundlesQuery(appId), enabled: hasApp, refetchInterval: 5_000 });
  const hasBundle = (bundles.data?.length ?? 0) > 0;
  const devices = useQuery({ ...firstDeviceQuery(appId), enabled: hasApp, refetchInterval: 2_000 });
  const device = devices.data?.data[0];
  const isTypedWell = isAppId(typed.trim());
  const channels = useQuery({ ...channelsQuery(appId), enabled: hasBundle, refetchInterval: 5_000 });
  const isServed = channels.data?.some((channel) => channel.public && channel.version !== null) ?? false;
  const can = useCan();
  const queryClient = useQueryClient();
  const registration = useMutation({
    mutationFn: async (id: string) => {
      const apps = await queryClient.fetchQuery({ ...appsQuery, staleTime: 0 });
      // Without the right to make one, its first bundle registers it.
      if (can('apps.create') && !apps.some((app) => app.appId === id)) await createApp(id, id);
      return id;
    },
    onSuccess: async (id) => {
      await queryClient.invalidateQueries({ queryKey: ['apps'] });
      await navigate({ to: '/start', search: { app: id } });
    },
  });
  const serving = useMutation({
    mutationFn: (version: string) => saveChannel(appId, 'production', { version, public: true }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ['channels', appId] }),
  });
  const newest = bundles.data?.[0]?.version_name;

  return (
    <Page
      title={chosen === undefined ? 'Welcome' : 'Connect your app'}
      description="Three steps to the first live update."
    >
      <StepCard number={1} title="Point your app at this server" isDone={hasApp}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (isTypedWell) registration.mutate(typed.trim());
          }}
        >
          <Group align="flex-start">
            <TextInput
              label="App id"
              description="appId in capacitor.config"
              placeholder="com.example.app"
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              error={typed !== '' && !isTypedWell ? 'A reverse-domain id such as com.example.app' : undefined}
              w={{ base: '100%', xs: 320 }}
              autoFocus={!hasApp}
              spellCheck={false}
            />
            {(!hasApp || typed.trim() !== appId) && (
              <Button type="submit" mt={46} disabled={!isTypedWell} loading={registration.isPending}>
                Continue
              </Button>
            )}
          </Group>
        </form>
        {hasApp && server.data && (
          <>
            <Text size="sm">
              Merge this into <code>capacitor.config.json</code>, then run <code>npx cap sync</code> and build
              the native app:
            </Text>
            <CodeBlock text={configBlock(appId, server.data.device_url)} label="capacitor.config.json" />
            <PublicUrlCheck />
          </>
        )}
        {registration.error && <Failure error={registration.error} />}
        {server.error && <Failure error={server.error} onRetry={() => void server.refetch()} />}
      </StepCard>
      <StepCard
        number={2}
        title="Upload the first bundle"
        isDone={hasBundle && (isServed || !can('channels.change'))}
      >
        {!hasApp ? (
          <Text size="sm" c="dimmed">
            After the first step.
          </Text>
        ) : hasBundle ? (
          <>
            <Text size="sm">
              Bundle <b>{newest}</b> is here.{' '}
              {isServed && 'Every device gets what the channel production serves.'}
            </Text>
            {channels.data && !isServed && can('channels.change') && newest !== undefined && (
              <Group>
                <Text size="sm">No device gets it yet.</Text>
                <Button size="xs" loading={serving.isPending} onClick={() => serving.mutate(newest)}>
                  Serve it to every device
                </Button>
              </Group>
            )}
            {serving.error && <Failure error={serving.error} />}
          </>
        ) : (
          <UploadForm
            appId={appId}
            suggestedVersion="1.0.1"
            onDone={(bundle) => {
              tellDone(`Bundle ${bundle.version_name} is uploaded.`);
              // The first one of a new app has nobody it could surprise.
              if (can('channels.change')) serving.mutate(bundle.version_name);
            }}
          />
        )}
      </StepCard>
      <StepCard
        number={3}
        title={device ? 'The first device is here' : 'Waiting for the first device'}
        isDone={device !== undefined}
        isWaiting={hasBundle && !device}
      >
        {!hasBundle ? (
          <Text size="sm" c="dimmed">
            After the second step.
          </Text>
        ) : (
          <>
            {device ? (
              <Group>
                <Text size="sm" role="status">
                  Device <b>{device.device_id.slice(0, 8)}</b> runs {device.version_name}.
                </Text>
                <Button component={Link} to={`/apps/${appId}`} rightSection={<IconArrowRight size={16} />}>
                  To the overview
                </Button>
              </Group>
            ) : (
              <Text size="sm" role="status">
                Start your app on a phone: this turns green by itself. No phone at hand? This browser can play
                one:
              </Text>
            )}
            {server.data && <Simulate appId={appId} serverUrl={server.data.device_url} />}
          </>
        )}
      </StepCard>
    </Page>
  );
}
