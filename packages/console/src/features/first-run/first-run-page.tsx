import { Button, Card, Group, Loader, Stack, Text, TextInput, ThemeIcon, Title } from '@mantine/core';
import { IconArrowRight, IconCheck } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useState } from 'react';
import { bundlesQuery } from '../../api/bundles.ts';
import { firstDeviceQuery } from '../../api/devices.ts';
import { serverQuery } from '../../api/server.ts';
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

  return (
    <Page
      title={chosen === undefined ? 'Welcome' : 'Connect your app'}
      description="Three steps to the first live update."
    >
      <StepCard number={1} title="Point your app at this server" isDone={hasApp}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (isTypedWell) void navigate({ to: '/start', search: { app: typed.trim() } });
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
              <Button type="submit" mt={46} disabled={!isTypedWell}>
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
        {server.error && <Failure error={server.error} onRetry={() => void server.refetch()} />}
      </StepCard>
      <StepCard number={2} title="Upload the first bundle" isDone={hasBundle}>
        {!hasApp ? (
          <Text size="sm" c="dimmed">
            After the first step.
          </Text>
        ) : hasBundle ? (
          <Text size="sm">
            Bundle <b>{bundles.data?.[0]?.version_name}</b> is here.
          </Text>
        ) : (
          <UploadForm
            appId={appId}
            suggestedVersion="1.0.1"
            onDone={(bundle) => tellDone(`Bundle ${bundle.version_name} is uploaded.`)}
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
