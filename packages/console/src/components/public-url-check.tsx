import { Alert, Button, Group, Loader, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconRefresh } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { publicUrlQuery } from '../api/server.ts';

const titles: Readonly<Record<string, string>> = {
  reachable: 'Phones can reach this server',
  not_set: 'No public address is set',
  loopback: 'Phones cannot reach this server',
  private: 'Only phones in this network reach it',
  plain_http: 'Phones will refuse plain http',
  unknown_host: 'The name is not known',
  refused: 'Nothing listens there',
  timeout: 'No answer',
  certificate: 'The certificate is not trusted',
  redirected: 'The address leads elsewhere',
  other_server: 'Something else answers there',
  unreachable: 'Out of reach',
};
/** They work for tests on a desk; the others do not work at all. */
const warnings = ['not_set', 'private', 'plain_http'];

/** Whether phones reach the server, asked by the server itself at its public address. */
export function PublicUrlCheck() {
  const check = useQuery(publicUrlQuery);
  const { data, error, isFetching } = check;
  if (!data && !error) {
    return (
      <Group gap="xs" role="status">
        <Loader size="xs" />
        <Text size="sm" c="dimmed">
          Asking the server at its public address…
        </Text>
      </Group>
    );
  }
  const color = error
    ? 'red'
    : data?.verdict === 'reachable'
      ? 'teal'
      : warnings.includes(data?.verdict ?? '')
        ? 'yellow'
        : 'red';
  return (
    <Alert
      color={color}
      variant="light"
      role="status"
      icon={color === 'teal' ? <IconCircleCheck /> : <IconAlertTriangle />}
      title={error ? 'The check did not work' : titles[data?.verdict ?? '']}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {error ? error.message : data?.message}
        </Text>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconRefresh size={14} />}
          loading={isFetching}
          onClick={() => void check.refetch()}
        >
          Check again
        </Button>
      </Stack>
    </Alert>
  );
}
