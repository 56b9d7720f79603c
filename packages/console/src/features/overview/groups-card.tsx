import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { Box, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { count, share } from '../../components/amounts.ts';
import { DevicesLink } from './counted-link.tsx';

type Groups = OverviewView['now']['bundles'];
const shownFirst = 6;

/** The active devices by something they have in common; every number leads to them. */
export function GroupsCard({
  title,
  groups,
  overview,
  nameOf = (name) => name,
}: {
  readonly title: string;
  readonly groups: Groups;
  readonly overview: OverviewView;
  readonly nameOf?: (name: string) => string;
}) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? groups : groups.slice(0, shownFirst);
  const all = overview.now.devices;
  return (
    <Card withBorder component="section" aria-label={title}>
      <Title order={2} mb="sm">
        {title}
      </Title>
      {groups.length === 0 && (
        <Text size="sm" c="dimmed">
          No device is active.
        </Text>
      )}
      <Stack gap={10}>
        {shown.map(({ name, devices, filter }) => (
          <Stack key={name} gap={4}>
            <Group justify="space-between" gap="xs" wrap="nowrap">
              <Text size="sm" truncate title={nameOf(name)}>
                {nameOf(name)}
              </Text>
              <Text size="sm" component="div" style={{ whiteSpace: 'nowrap' }}>
                <DevicesLink appId={overview.app_id} value={devices} filter={filter} />{' '}
                <Text span size="xs" c="dimmed">
                  {share(devices, all)}
                </Text>
              </Text>
            </Group>
            <Box h={6} bg="var(--mantine-color-default-border)" style={{ borderRadius: 3 }} aria-hidden>
              <Box
                h={6}
                w={`${(devices / Math.max(1, all)) * 100}%`}
                bg="var(--mantine-primary-color-filled)"
                style={{ borderRadius: 3 }}
              />
            </Box>
          </Stack>
        ))}
      </Stack>
      {groups.length > shown.length && (
        <Button variant="subtle" size="compact-sm" mt="sm" onClick={() => setWhole(true)}>
          Show all {count(groups.length)}
        </Button>
      )}
    </Card>
  );
}
