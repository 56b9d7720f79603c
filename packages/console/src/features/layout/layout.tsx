import { AppShell, Burger, Group, ScrollArea, UnstyledButton } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link, Outlet, useParams, useRouter } from '@tanstack/react-router';
import { Suspense, useEffect } from 'react';
import { useCredential } from '../../api/session.ts';
import { LoadingPage } from '../../components/states.tsx';
import { AppSwitcher } from './app-switcher.tsx';
import { Brand } from './brand.tsx';
import { ColorSchemeToggle } from './color-scheme-toggle.tsx';
import classes from './layout.module.css';
import { Navigation } from './navigation.tsx';
import { UserMenu } from './user-menu.tsx';

/** Leaves for the sign-in page: once, because on the way there the address is another one already. */
function ToSignIn() {
  const router = useRouter();
  useEffect(() => {
    const { href } = router.state.location;
    const search = href.startsWith('/login') ? {} : { to: href };
    void router.navigate({ to: '/login', search, replace: true });
  }, [router]);
  return <LoadingPage />;
}

/** The frame of every page once somebody is signed in. */
export function Layout() {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const { appId } = useParams({ strict: false });
  // Also when a request finds out in the middle of a page that the session has ended.
  if (useCredential() === undefined) return <ToSignIn />;
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding={{ base: 'md', md: 'lg' }}
    >
      <a href="#main" className={classes.skip}>
        Skip to the content
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" gap="sm" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap" miw={0}>
            <Burger
              opened={isOpen}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={isOpen ? 'Close the menu' : 'Open the menu'}
            />
            <UnstyledButton component={Link} to="/" title="All apps" visibleFrom="xs">
              <Brand />
            </UnstyledButton>
            <AppSwitcher appId={appId} />
          </Group>
          <Group gap="xs" wrap="nowrap">
            <ColorSchemeToggle />
            <Suspense>
              <UserMenu />
            </Suspense>
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" aria-label="Main">
        <ScrollArea>
          <Navigation appId={appId} onNavigate={close} />
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <Suspense fallback={<LoadingPage />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
    </AppShell>
  );
}
