import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { Card, Group, Stack, Table, Text, Title } from '@mantine/core';
import { count, counted } from '../../components/amounts.ts';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { wordsOf } from '../devices/event-words.ts';
import { EventsLink } from './counted-link.tsx';

const shownBundles = 3;
export const failuresId = 'failures';

/** Why updates failed. */
export function FailuresCard({ overview }: { readonly overview: OverviewView }) {
  const { app_id: appId, failures } = overview;
  return (
    <Card withBorder component="section" aria-label="Failures" id={failuresId}>
      <Title order={2} mb="xs">
        Why updates failed
      </Title>
      {failures.length === 0 ? (
        <Text size="sm" c="dimmed">
          No failure was reported in this time.
        </Text>
      ) : (
        <ScrollTable label="Reasons of failures" minWidth={340}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Reason</Table.Th>
              <Table.Th>Bundles</Table.Th>
              <Table.Th ta="right">Reports</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {failures.map((failure) => (
              <Table.Tr key={failure.action}>
                <Table.Td>
                  <Stack gap={0}>
                    <Text size="sm">{wordsOf(failure.action).text}</Text>
                    <Text size="xs" c="dimmed" ff="monospace">
                      {failure.action}
                    </Text>
                  </Stack>
                </Table.Td>
                <Table.Td>
                  <Group gap={6}>
                    {failure.bundles.slice(0, shownBundles).map((each) => (
                      <Text key={each.bundle} size="sm">
                        {each.bundle}{' '}
                        <Text span size="xs" c="dimmed">
                          ×{count(each.count)}
                        </Text>
                      </Text>
                    ))}
                    {failure.bundles.length > shownBundles && (
                      <Text size="xs" c="dimmed">
                        and {counted(failure.bundles.length - shownBundles, 'other')}
                      </Text>
                    )}
                  </Group>
                </Table.Td>
                <Table.Td ta="right">
                  <EventsLink appId={appId} value={failure.count} filter={failure.filter} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ScrollTable>
      )}
    </Card>
  );
}
