import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { appQuery } from './api/apps.ts';
import { ApiError } from './api/client.ts';
import { credentialState, forgetCredential } from './api/credential.ts';
import { basePath } from './api/location.ts';
import { overviewQuery } from './api/overview.ts';
import { queryString } from './api/query-string.ts';
import { sessionQuery } from './api/session.ts';
import { LoadingPage } from './components/states.tsx';
import { auditFilterOf } from './features/audit/audit-filter.ts';
import { deviceFilterOf } from './features/devices/device-filter.ts';
import { eventFilterOf } from './features/devices/event-filter.ts';
import { CrashPage, NotFoundPage } from './features/layout/dead-ends.tsx';
import { Layout } from './features/layout/layout.tsx';
import { daysOf } from './features/overview/range.ts';
import { SignInPage } from './features/sign-in/sign-in-page.tsx';

interface Context {
  readonly queryClient: QueryClient;
}

const root = createRootRouteWithContext<Context>()({ component: Outlet, notFoundComponent: NotFoundPage });

const login = createRoute({
  getParentRoute: () => root,
  path: 'login',
  component: SignInPage,
  validateSearch: (search): { to?: string } => (typeof search['to'] === 'string' ? { to: search['to'] } : {}),
});
const oauthCallback = createRoute({
  getParentRoute: () => root,
  path: 'login/oauth-callback',
  component: lazyRouteComponent(
    () => import('./features/sign-in/oauth-callback-page.tsx'),
    'OauthCallbackPage',
  ),
});

/** Everything that needs somebody to be signed in. */
const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  component: Layout,
  beforeLoad: ({ location }) => {
    if (credentialState() === undefined) throw redirect({ to: '/login', search: { to: location.href } });
  },
  loader: async ({ context, location }) => {
    try {
      return await context.queryClient.ensureQueryData(sessionQuery);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 403) throw error;
      // Proven, but nobody who may come in: somebody else may.
      forgetCredential({ why: error.message, isOfPerson: true });
      throw redirect({ to: '/login', search: { to: location.href } });
    }
  },
});

const home = createRoute({
  getParentRoute: () => inside,
  path: '/',
  component: lazyRouteComponent(() => import('./features/apps/apps-page.tsx'), 'AppsPage'),
});
const start = createRoute({
  getParentRoute: () => inside,
  path: 'start',
  validateSearch: (search): { app?: string } =>
    typeof search['app'] === 'string' ? { app: search['app'] } : {},
  component: lazyRouteComponent(() => import('./features/first-run/first-run-page.tsx'), 'FirstRunPage'),
});

export const app = createRoute({ getParentRoute: () => inside, path: 'apps/$appId', component: Outlet });
const overview = createRoute({
  getParentRoute: () => app,
  path: '/',
  validateSearch: (search): { days?: string } =>
    typeof search['days'] === 'string' ? { days: search['days'] } : {},
  loaderDeps: ({ search }) => ({ days: daysOf(search.days) }),
  // Beside the code of the page, and its charts beside both: waited for in turn they would add up.
  loader: ({ context: { queryClient }, params: { appId }, deps: { days } }) => {
    void queryClient.prefetchQuery(appQuery(appId));
    void queryClient.prefetchQuery(overviewQuery(appId, days));
    import('./features/overview/charts.tsx').catch(() => undefined);
  },
  component: lazyRouteComponent(() => import('./features/overview/overview-page.tsx'), 'OverviewPage'),
});
const bundles = createRoute({
  getParentRoute: () => app,
  path: 'bundles',
  component: lazyRouteComponent(() => import('./features/bundles/bundles-page.tsx'), 'BundlesPage'),
});
const bundle = createRoute({
  getParentRoute: () => app,
  path: 'bundles/$bundleId',
  component: lazyRouteComponent(() => import('./features/bundles/bundle-page.tsx'), 'BundlePage'),
});
const channels = createRoute({
  getParentRoute: () => app,
  path: 'channels',
  component: lazyRouteComponent(() => import('./features/channels/channels-page.tsx'), 'ChannelsPage'),
});
const channel = createRoute({
  getParentRoute: () => app,
  path: 'channels/$channel',
  component: lazyRouteComponent(() => import('./features/channels/channel-page.tsx'), 'ChannelPage'),
});
const releases = createRoute({
  getParentRoute: () => app,
  path: 'releases',
  component: lazyRouteComponent(() => import('./features/releases/releases-page.tsx'), 'ReleasesPage'),
});
const devices = createRoute({
  getParentRoute: () => app,
  path: 'devices',
  validateSearch: (search) => deviceFilterOf(search),
  component: lazyRouteComponent(() => import('./features/devices/devices-page.tsx'), 'DevicesPage'),
});
const device = createRoute({
  getParentRoute: () => app,
  path: 'devices/$deviceId',
  component: lazyRouteComponent(() => import('./features/devices/device-page.tsx'), 'DevicePage'),
});
const events = createRoute({
  getParentRoute: () => app,
  path: 'events',
  validateSearch: (search) => eventFilterOf(search),
  component: lazyRouteComponent(() => import('./features/devices/events-page.tsx'), 'EventsPage'),
});
const appSettings = createRoute({
  getParentRoute: () => app,
  path: 'settings',
  component: lazyRouteComponent(() => import('./features/apps/app-settings-page.tsx'), 'AppSettingsPage'),
});
const apiKeys = createRoute({
  getParentRoute: () => inside,
  path: 'settings/keys',
  component: lazyRouteComponent(() => import('./features/settings/api-keys-page.tsx'), 'ApiKeysPage'),
});
const server = createRoute({
  getParentRoute: () => inside,
  path: 'settings/server',
  component: lazyRouteComponent(() => import('./features/settings/server-page.tsx'), 'ServerPage'),
});
/** Which organization a page is about; the default one without it. */
const ofOrganization = (search: Record<string, unknown>): { org?: string } =>
  typeof search['org'] === 'string' ? { org: search['org'] } : {};
const organization = createRoute({
  getParentRoute: () => inside,
  path: 'settings/organization',
  validateSearch: ofOrganization,
  component: lazyRouteComponent(
    () => import('./features/organization/organization-page.tsx'),
    'OrganizationPage',
  ),
});
const members = createRoute({
  getParentRoute: () => inside,
  path: 'settings/members',
  validateSearch: ofOrganization,
  component: lazyRouteComponent(() => import('./features/organization/members-page.tsx'), 'MembersPage'),
});
const webhooks = createRoute({
  getParentRoute: () => inside,
  path: 'settings/webhooks',
  validateSearch: ofOrganization,
  component: lazyRouteComponent(() => import('./features/webhooks/webhooks-page.tsx'), 'WebhooksPage'),
});
const webhook = createRoute({
  getParentRoute: () => inside,
  path: 'settings/webhooks/$webhookId',
  validateSearch: ofOrganization,
  component: lazyRouteComponent(() => import('./features/webhooks/webhook-page.tsx'), 'WebhookPage'),
});
const audit = createRoute({
  getParentRoute: () => inside,
  path: 'settings/audit',
  validateSearch: (search) => auditFilterOf(search),
  component: lazyRouteComponent(() => import('./features/audit/audit-page.tsx'), 'AuditPage'),
});

const routeTree = root.addChildren([
  login,
  oauthCallback,
  inside.addChildren([
    home,
    start,
    app.addChildren([
      overview,
      bundles,
      bundle,
      channels,
      channel,
      releases,
      devices,
      device,
      events,
      appSettings,
    ]),
    apiKeys,
    organization,
    members,
    webhooks,
    webhook,
    audit,
    server,
  ]),
]);

export function createConsoleRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    basepath: basePath === '' ? '/' : basePath,
    context: { queryClient },
    // Texts, as the API's parameters are: by default 1.0 in an address would be the number 1.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: queryString,
    defaultPreload: 'intent',
    defaultPendingComponent: LoadingPage,
    defaultErrorComponent: CrashPage,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
