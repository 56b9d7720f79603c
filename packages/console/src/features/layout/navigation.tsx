import { NavLink, Stack, Text } from '@mantine/core';
import {
  IconBox,
  IconBroadcast,
  IconBuilding,
  IconChartAreaLine,
  IconDeviceMobile,
  IconHistory,
  IconKey,
  IconListDetails,
  IconRocket,
  IconServer,
  IconSettings,
  IconUsers,
  IconWebhook,
  type TablerIcon,
} from '@tabler/icons-react';
import { Link, useLocation } from '@tanstack/react-router';
import type { Permission } from '../../api/session.ts';
import { useCan } from '../../api/session.ts';

interface Entry {
  readonly label: string;
  readonly to: string;
  readonly icon: TablerIcon;
  readonly permission?: Permission;
  /** Current only under exactly this address. */
  readonly isExact?: boolean;
}

function appEntries(appId: string): Entry[] {
  const base = `/apps/${encodeURIComponent(appId)}`;
  return [
    { label: 'Overview', to: base, icon: IconChartAreaLine, isExact: true, permission: 'statistics.read' },
    { label: 'Bundles', to: `${base}/bundles`, icon: IconBox, permission: 'bundles.read' },
    { label: 'Channels', to: `${base}/channels`, icon: IconBroadcast, permission: 'channels.read' },
    { label: 'Releases', to: `${base}/releases`, icon: IconRocket, permission: 'releases.read' },
    { label: 'Devices', to: `${base}/devices`, icon: IconDeviceMobile, permission: 'devices.read' },
    { label: 'Events', to: `${base}/events`, icon: IconListDetails, permission: 'devices.read' },
    { label: 'App settings', to: `${base}/settings`, icon: IconSettings, permission: 'apps.change' },
  ];
}

const serverEntries: readonly Entry[] = [
  {
    label: 'Organization',
    to: '/settings/organization',
    icon: IconBuilding,
    permission: 'organization.read',
  },
  { label: 'Members', to: '/settings/members', icon: IconUsers, permission: 'members.read' },
  { label: 'API keys', to: '/settings/keys', icon: IconKey, permission: 'keys.manage' },
  { label: 'Webhooks', to: '/settings/webhooks', icon: IconWebhook, permission: 'webhooks.manage' },
  { label: 'Audit log', to: '/settings/audit', icon: IconHistory, permission: 'audit.read' },
  { label: 'Server', to: '/settings/server', icon: IconServer },
];

function Section({
  title,
  entries,
  onNavigate,
}: {
  readonly title: string;
  readonly entries: readonly Entry[];
  readonly onNavigate: () => void;
}) {
  const can = useCan();
  const path = useLocation({ select: ({ pathname }) => decodeURIComponent(pathname) });
  const shown = entries.filter(({ permission }) => permission === undefined || can(permission));
  if (shown.length === 0) return null;
  return (
    <Stack gap={2}>
      <Text size="xs" fw={600} c="dimmed" px="sm" pb={4} truncate title={title}>
        {title}
      </Text>
      {shown.map(({ label, to, icon: Icon, isExact }) => {
        const target = decodeURIComponent(to);
        const isCurrent = isExact
          ? path.replace(/\/$/, '') === target
          : path === target || path.startsWith(`${target}/`);
        return (
          <NavLink
            key={to}
            component={Link}
            to={to}
            // The router would mark every address above the current one, too.
            activeOptions={{ exact: true }}
            label={label}
            leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
            active={isCurrent}
            aria-current={isCurrent ? 'page' : undefined}
            onClick={onNavigate}
            style={{ borderRadius: 'var(--mantine-radius-md)' }}
          />
        );
      })}
    </Stack>
  );
}

export function Navigation({
  appId,
  onNavigate,
}: {
  readonly appId: string | undefined;
  readonly onNavigate: () => void;
}) {
  return (
    <Stack gap="lg">
      {appId !== undefined && <Section title={appId} entries={appEntries(appId)} onNavigate={onNavigate} />}
      <Section title="Settings" entries={serverEntries} onNavigate={onNavigate} />
    </Stack>
  );
}
