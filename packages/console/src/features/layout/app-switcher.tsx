import { Button, Menu, ScrollArea, Text } from '@mantine/core';
import { IconApps, IconChevronDown, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { appsQuery } from '../../api/apps.ts';
import { useCan } from '../../api/session.ts';

export function AppSwitcher({ appId }: { readonly appId: string | undefined }) {
  const { data: apps = [] } = useQuery(appsQuery);
  const navigate = useNavigate();
  const can = useCan();
  return (
    <Menu position="bottom-start" width={280} withArrow>
      <Menu.Target>
        <Button
          variant="default"
          rightSection={<IconChevronDown size={16} />}
          miw={0}
          styles={{ label: { minWidth: 0 } }}
        >
          <Text span truncate size="sm" fw={500}>
            {appId ?? 'Choose an app'}
          </Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <ScrollArea.Autosize mah={320}>
          {apps.map((app) => (
            <Menu.Item
              key={app.appId}
              onClick={() => void navigate({ to: '/apps/$appId', params: { appId: app.appId } })}
              fw={app.appId === appId ? 600 : undefined}
            >
              {app.name}
              {app.name !== app.appId && (
                <Text size="xs" c="dimmed">
                  {app.appId}
                </Text>
              )}
            </Menu.Item>
          ))}
        </ScrollArea.Autosize>
        {apps.length > 0 && <Menu.Divider />}
        <Menu.Item component={Link} to="/" leftSection={<IconApps size={16} />}>
          All apps
        </Menu.Item>
        {can('bundles.upload') && (
          <Menu.Item component={Link} to="/start" leftSection={<IconPlus size={16} />}>
            Add an app
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
