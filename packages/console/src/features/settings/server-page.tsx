import {
  Alert,
  Badge,
  Button,
  Card,
  Group,
  List,
  SimpleGrid,
  Stack,
  Text,
  ThemeIcon,
  Title,
} from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconInfoCircle, IconX } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { checkStorage, serverQuery } from '../../api/server.ts';
import { useCan } from '../../api/session.ts';
import { bytes, counted } from '../../components/amounts.ts';
import { Copyable } from '../../components/copy.tsx';
import { Facts } from '../../components/facts.tsx';
import { Page } from '../../components/page.tsx';
import { PublicUrlCheck } from '../../components/public-url-check.tsx';
import { Failure, LoadingRows } from '../../components/states.tsx';

const engines: Readonly<Record<string, string>> = {
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
  mongodb: 'MongoDB',
};
const deliveries: Readonly<Record<string, string>> = {
  proxy: 'through this server',
  redirect: 'straight from the bucket, by signed links',
  cdn: 'from the CDN',
};
const findingIcons = {
  ok: (
    <ThemeIcon size={20} radius="xl" color="teal">
      <IconCheck size={12} />
    </ThemeIcon>
  ),
  note: (
    <ThemeIcon size={20} radius="xl" color="blue">
      <IconInfoCircle size={12} />
    </ThemeIcon>
  ),
  problem: (
    <ThemeIcon size={20} radius="xl" color="red">
      <IconX size={12} />
    </ThemeIcon>
  ),
} as const;

export function ServerPage() {
  const server = useQuery({ ...serverQuery, refetchInterval: 15_000 });
  const can = useCan();
  const storage = useMutation({ mutationFn: checkStorage });
  const facts = server.data;
  return (
    <Page title="Server" description="What runs here, and whether it is well.">
      {server.error ? (
        <Failure error={server.error} onRetry={() => void server.refetch()} />
      ) : !facts ? (
        <LoadingRows />
      ) : (
        <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: 'start' }}>
          <Card withBorder>
            <Title order={2} mb="sm">
              Health
            </Title>
            <Stack gap="xs">
              {facts.dependencies.map(({ name, reachable }) => (
                <Group key={name} justify="space-between">
                  <Text size="sm" tt="capitalize">
                    {name}
                  </Text>
                  <Badge color={reachable ? 'teal' : 'red'} variant="light">
                    {reachable ? 'reachable' : 'out of reach'}
                  </Badge>
                </Group>
              ))}
              {facts.dependencies.some(({ reachable }) => !reachable) && (
                <Alert color="red" icon={<IconAlertTriangle />}>
                  Devices still get answers from memory. Changes are refused until it is back.
                </Alert>
              )}
            </Stack>
          </Card>
          <Card withBorder>
            <Title order={2} mb="sm">
              Versions and engines
            </Title>
            <Facts
              facts={[
                ['capgo-server', facts.version],
                ['Runtime', facts.runtime],
                ['Database', engines[facts.database] ?? facts.database],
                ['Bundles lie', facts.storage === 's3' ? 'in an S3 bucket' : 'in files of this machine'],
                ['Devices get them', deliveries[facts.delivery] ?? facts.delivery],
                ['Largest bundle', bytes(facts.max_bundle_bytes)],
                ['Events are kept', counted(facts.event_retention_days, 'day')],
              ]}
            />
          </Card>
          <Card withBorder>
            <Title order={2} mb="sm">
              Addresses
            </Title>
            <Stack>
              <Facts
                facts={[
                  ['Device API', <Copyable key="d" value={facts.device_url} />],
                  ['Device port', facts.device_port],
                  ['Management port', facts.management_port],
                  ['Metrics port', facts.metrics_port],
                ]}
              />
              <PublicUrlCheck />
            </Stack>
          </Card>
          <Card withBorder>
            <Group justify="space-between" mb="sm">
              <Title order={2}>Storage check</Title>
              {can('organization.change') && (
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => storage.mutate()}
                  loading={storage.isPending}
                >
                  Run the check
                </Button>
              )}
            </Group>
            {storage.error && <Failure error={storage.error} />}
            {storage.data ? (
              <Stack gap="sm" role="status">
                <Text size="sm" fw={600}>
                  {storage.data.fit ? 'The storage is fit for use.' : 'The storage is not fit for use.'}
                </Text>
                <List spacing={6} size="sm" center>
                  {storage.data.findings.map(({ kind, text }) => (
                    <List.Item key={text} icon={findingIcons[kind]}>
                      {text}
                    </List.Item>
                  ))}
                </List>
              </Stack>
            ) : (
              !storage.error && (
                <Text size="sm" c="dimmed">
                  Writes, reads and deletes an object of its own, as uploads and devices will, and says what
                  stands in the way.
                </Text>
              )
            )}
          </Card>
        </SimpleGrid>
      )}
    </Page>
  );
}
