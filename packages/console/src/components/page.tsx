import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';

export interface Crumb {
  readonly label: string;
  readonly to: string;
  /** Not checked, as `to` is not: both are the page's to get right. */
  readonly search?: Readonly<Record<string, string>>;
}

/** A page: where it lies, what it is called, what can be done on it. */
export function Page({
  title,
  description,
  crumbs = [],
  badges,
  actions,
  children,
}: {
  readonly title: string;
  readonly description?: ReactNode;
  readonly crumbs?: readonly Crumb[];
  readonly badges?: ReactNode;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · capgo-server`;
  }, [title]);
  return (
    <Stack gap="lg" maw={1280} mx="auto">
      <Group justify="space-between" align="flex-end" gap="sm">
        <Stack gap={4} miw={0}>
          {crumbs.length > 0 && (
            <Breadcrumbs separatorMargin={6}>
              {crumbs.map(({ label, to, search }) => (
                <Anchor
                  key={to}
                  component={Link}
                  to={to}
                  {...(search ? { search: search as never } : {})}
                  size="sm"
                >
                  {label}
                </Anchor>
              ))}
            </Breadcrumbs>
          )}
          <Group gap="xs" align="center">
            <Title order={1} style={{ overflowWrap: 'anywhere' }}>
              {title}
            </Title>
            {badges}
          </Group>
          {description && (
            <Text c="dimmed" size="sm">
              {description}
            </Text>
          )}
        </Stack>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}
