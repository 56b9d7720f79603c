import {
  Alert,
  Button,
  Center,
  Group,
  Loader,
  Paper,
  Skeleton,
  Stack,
  Text,
  ThemeIcon,
  Title,
} from '@mantine/core';
import { IconAlertTriangle, IconRefresh, type TablerIcon } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client.ts';

/** What went wrong, in the server's words, with the way to try again. */
export function Failure({
  error,
  onRetry,
  title,
}: {
  readonly error: unknown;
  readonly onRetry?: (() => void) | undefined;
  readonly title?: string;
}) {
  const isOffline = error instanceof ApiError && error.status === 0;
  return (
    <Alert
      color="red"
      role="alert"
      icon={<IconAlertTriangle />}
      title={title ?? (isOffline ? 'The server is out of reach' : 'This did not work')}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{error instanceof Error ? error.message : String(error)}</Text>
        {onRetry && (
          <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** Nothing there yet: what it is, and how to get the first one. */
export function Nothing({
  icon: Icon,
  title,
  children,
  action,
}: {
  readonly icon: TablerIcon;
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}) {
  return (
    <Paper withBorder py={48} px="md">
      <Stack align="center" gap="sm">
        <ThemeIcon variant="light" size={52} radius="xl">
          <Icon size={26} aria-hidden />
        </ThemeIcon>
        <Title order={2} ta="center">
          {title}
        </Title>
        {children && (
          <Text c="dimmed" size="sm" ta="center" maw={460}>
            {children}
          </Text>
        )}
        {action && <Group mt="xs">{action}</Group>}
      </Stack>
    </Paper>
  );
}

/** Rows that are on their way. */
export function LoadingRows({ rows = 6 }: { readonly rows?: number }) {
  return (
    <Stack gap="xs" aria-busy aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike and never move.
        <Skeleton key={index} height={38} />
      ))}
    </Stack>
  );
}

/** A page whose code is on its way. */
export function LoadingPage() {
  return (
    <Center mih={240} aria-busy aria-label="Loading">
      <Loader />
    </Center>
  );
}
