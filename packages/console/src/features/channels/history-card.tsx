import { Button, Card, Group, Stack, Text, Timeline, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { type Channel, deploymentsQuery } from '../../api/channels.ts';
import { Failure, LoadingRows } from '../../components/states.tsx';
import { When } from '../../components/when.tsx';

/** Everything the channel has served, newest first. */
export function HistoryCard({ channel }: { readonly channel: Channel }) {
  const deployments = useInfiniteQuery({
    ...deploymentsQuery(channel.app_id, channel.name),
    refetchInterval: 10_000,
  });
  const rows = deployments.data?.pages.flatMap(({ data }) => data) ?? [];
  return (
    <Card withBorder>
      <Title order={2} mb="md">
        History
      </Title>
      {deployments.error ? (
        <Failure error={deployments.error} onRetry={() => void deployments.refetch()} />
      ) : !deployments.data ? (
        <LoadingRows rows={3} />
      ) : (
        <Stack>
          <Timeline bulletSize={14} lineWidth={2} active={0} aria-label="Deployments">
            {rows.map((row) => (
              <Timeline.Item
                key={row.id}
                title={
                  <Text size="sm" fw={600} component="span">
                    {row.bundle}
                    {row.rollout_bundle && ` + rollout of ${row.rollout_bundle}`}
                  </Text>
                }
              >
                <Text size="sm">{row.reason}</Text>
                <Group gap={6}>
                  <Text size="xs" c="dimmed" component="span">
                    {row.actor} · <When at={row.created_at} />
                  </Text>
                </Group>
              </Timeline.Item>
            ))}
          </Timeline>
          {deployments.hasNextPage && (
            <Button
              variant="default"
              loading={deployments.isFetchingNextPage}
              onClick={() => void deployments.fetchNextPage()}
            >
              Show older
            </Button>
          )}
        </Stack>
      )}
    </Card>
  );
}
