import {
  Alert,
  Anchor,
  Button,
  Center,
  Divider,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { IconLogin2 } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Navigate, useRouter, useSearch } from '@tanstack/react-router';
import { type FormEvent, useEffect, useState } from 'react';
import { api } from '../../api/client.ts';
import { forgetCredential, refusal, setKey } from '../../api/credential.ts';
import { apiUrl, basePath } from '../../api/location.ts';
import { useCredential } from '../../api/session.ts';
import { signOnConfigQuery } from '../../api/sign-on-config.ts';
import { Brand } from '../layout/brand.tsx';
import { ColorSchemeToggle } from '../layout/color-scheme-toggle.tsx';

/** The page to go on to; never an address of somebody else. */
function nextPath(to: string | undefined): string {
  return to !== undefined && /^\/(?![/\\])/.test(to) && !to.startsWith('/login') ? to : '/';
}

async function tryKey(key: string): Promise<void> {
  setKey(key);
  try {
    await api.get('session.get');
  } catch (error) {
    forgetCredential();
    throw error;
  }
}

export function SignInPage() {
  const { to } = useSearch({ strict: false }) as { to?: string };
  const router = useRouter();
  const credential = useCredential();
  const [key, setKeyText] = useState('');
  const [isTrying, setTrying] = useState(false);
  const signOnConfig = useQuery(signOnConfigQuery);
  const target = nextPath(to);
  const why = refusal();
  const withKey = useMutation({
    mutationFn: tryKey,
    onMutate: () => setTrying(true),
    onSettled: () => setTrying(false),
    onSuccess: () => router.history.push(basePath + target),
  });
  const withIssuer = useMutation({
    mutationFn: async () => (await import('../../api/sign-on.ts')).signOn(target, why?.isOfPerson ?? false),
  });
  useEffect(() => {
    document.title = 'Sign in · capgo-server';
  }, []);
  // Somebody who is signed in already has followed an old link.
  if (credential !== undefined && !isTrying && withKey.status === 'idle')
    return <Navigate to={target} replace />;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (key.trim() !== '') withKey.mutate(key.trim());
  };
  const { issuer } = signOnConfig.data ?? { issuer: '' };
  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack w="100%" maw={400} gap="lg">
        <Group justify="space-between">
          <Brand />
          <ColorSchemeToggle />
        </Group>
        <Paper withBorder p="xl" shadow="sm">
          <Stack>
            <Title order={1}>Sign in</Title>
            {why && !withKey.error && (
              <Alert color="yellow" role="status">
                {why.why}
              </Alert>
            )}
            {issuer !== '' && (
              <>
                <Button
                  size="md"
                  leftSection={<IconLogin2 size={18} />}
                  loading={withIssuer.isPending}
                  onClick={() => withIssuer.mutate()}
                >
                  Sign in with {new URL(issuer).hostname}
                </Button>
                {withIssuer.error && (
                  <Alert color="red" role="alert">
                    {withIssuer.error.message}
                  </Alert>
                )}
                <Divider label="or with a key" />
              </>
            )}
            <form onSubmit={submit}>
              <Stack>
                <PasswordInput
                  label="Management token or API key"
                  value={key}
                  onChange={(event) => setKeyText(event.currentTarget.value)}
                  autoComplete="off"
                  autoFocus
                  error={withKey.error?.message}
                  visibilityToggleButtonProps={{ 'aria-label': 'Show or hide the key' }}
                />
                <Button
                  type="submit"
                  size="md"
                  variant={issuer === '' ? 'filled' : 'default'}
                  loading={withKey.isPending}
                  disabled={key.trim() === ''}
                >
                  Sign in
                </Button>
              </Stack>
            </form>
            <Text size="xs" c="dimmed">
              The first start prints the management token and keeps it in <code>data/management-token</code>.
              Here it is kept until this tab is closed.
            </Text>
          </Stack>
        </Paper>
        <Text size="xs" c="dimmed" ta="center">
          Everything here can also be done with the{' '}
          <Anchor inherit underline="always" href={apiUrl('/docs')}>
            management API
          </Anchor>
          .
        </Text>
      </Stack>
    </Center>
  );
}
