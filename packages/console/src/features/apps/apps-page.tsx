import { Button, Card, Group, SimpleGrid, Text, Title } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Navigate } from '@tanstack/react-router';
import { appsQuery } from '../../api/apps.ts';
import { useCan } from '../../api/session.ts';
import { Page } from '../../components/page.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import classes from './apps-page.module.css';

export function AppsPage() {
  const apps = useQuery(appsQuery);
  const can = useCan();
  const add = can('bundles.upload') && (
    <Button component={Link} to="/start" leftSection={<IconPlus size={16} />}>
      Add an app
    </Button>
  );
  if (apps.data?.length === 0 && can('bundles.upload')) return <Navigate to="/start" replace />;
  return (
    <Page title="Apps" actions={add}>
      {apps.error ? (
        <Failure error={apps.error} onRetry={() => void apps.refetch()} />
      ) : !apps.data ? (
        <LoadingRows rows={3} />
      ) : apps.data.length === 0 ? (
        <Nothing icon={IconPlus} title="No app yet">
          Your role may look at apps, but not add one.
        </Nothing>
      ) : (
        <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
          {apps.data.map(({ appId, name }) => (
            <Card key={appId} withBorder component={Link} to={`/apps/${appId}`} className={classes.card}>
              <Group wrap="nowrap" gap="sm">
                <div className={classes.initial} aria-hidden>
                  {(name.split('.').at(-1) ?? name).slice(0, 1).toUpperCase()}
                </div>
                <div style={{ minWidth: 0 }}>
                  <Title order={2} fz="md" lineClamp={1}>
                    {name}
                  </Title>
                  <Text size="sm" c="dimmed" truncate>
                    {appId}
                  </Text>
                </div>
              </Group>
            </Card>
          ))}
        </SimpleGrid>
      )}
    </Page>
  );
}
