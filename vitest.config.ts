import { configDefaults, defineConfig, type TestProjectConfiguration } from 'vitest/config';

// Our packages resolve to their sources. `import` must not stand here: it would also hold for require().
const resolve = { conditions: ['source', 'node', 'default'] };
const ssr = { resolve: { ...resolve, externalConditions: ['source'] } };

/** Tests that need a database server, which takes a while to come up, or a disk that confirms each commit. */
const engineTests = [
  'packages/server/src/persistence/{postgres,mongo}/*.test.ts',
  'packages/server/src/persistence/sqlite/sqlite-store.test.ts',
];
/** Tests that ask a whole server over HTTP, or try very many inputs: too long for what is run before each commit. */
const productTests = [
  'packages/server/src/{management-api,device-api,identity,commands}/**/*.test.ts',
  'packages/server/src/{object-storage,bundle-archive}/**/*.test.ts',
  'packages/server/src/openapi.test.ts',
  'packages/server/src/services/manifest-*.test.ts',
  'packages/server/src/persistence/announced.test.ts',
];
/** Journeys that need a database with a server of its own. */
const servedJourneys = ['e2e/database-faults.test.ts', 'e2e/two-nodes.test.ts'];
/** What every engine and every storage is held to. */
const mainJourneys = [
  'e2e/update-journey.test.ts',
  'e2e/channel-journey.test.ts',
  'e2e/delta-journey.test.ts',
  'e2e/failure-journey.test.ts',
  'e2e/encrypted-bundle.test.ts',
  'e2e/object-storage.test.ts',
];
/** Without a server the project is left out: there is nothing that it could test. */
const hasMongo = Boolean(process.env['TEST_MONGO_URL'] && process.env['TEST_MONGO_PROGRAM']);
if (!hasMongo && !process.argv.includes('--project')) {
  process.stderr.write('e2e on MongoDB and S3: skipped, TEST_MONGO_URL and TEST_MONGO_PROGRAM are not set\n');
}
/** The console, driven in a browser. */
const consoleJourneys = 'e2e/console/*.test.ts';
const engineServers = ['packages/server/src/testing/postgres-setup.ts'];

const mongoJourneys: TestProjectConfiguration = {
  resolve,
  ssr,
  test: {
    name: 'e2e on MongoDB and S3',
    sequence: { groupOrder: 3 },
    maxWorkers: 2,
    include: [...servedJourneys, ...mainJourneys],
    env: { E2E_ENGINE: 'mongo', E2E_STORAGE: 's3' },
    execArgv: ['--conditions=source'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
};

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          maxWorkers: 2,
          // Files share loaded modules: loading them anew for each would take longer than the tests.
          isolate: false,
          testTimeout: 30_000,
          include: ['packages/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...engineTests, ...productTests],
          execArgv: ['--conditions=source'],
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'product',
          // Beside the engines' tests, which wait for a server that computes little at a time.
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          isolate: false,
          testTimeout: 60_000,
          include: productTests,
          execArgv: ['--conditions=source'],
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'engines',
          sequence: { groupOrder: 1 },
          maxWorkers: 2,
          include: engineTests,
          globalSetup: engineServers,
          execArgv: ['--conditions=source'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e',
          // After the unit tests: journeys measure how long a stop takes and need the cores for themselves.
          sequence: { groupOrder: 2 },
          include: ['e2e/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...servedJourneys, ...mainJourneys, consoleJourneys],
          execArgv: ['--conditions=source'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'console',
          sequence: { groupOrder: 4 },
          // Each has a server and a browser.
          maxWorkers: 1,
          include: [consoleJourneys],
          globalSetup: 'e2e/console/build.ts',
          execArgv: ['--conditions=source'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e on SQLite and files',
          sequence: { groupOrder: 3 },
          maxWorkers: 2,
          include: mainJourneys,
          execArgv: ['--conditions=source'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e on PostgreSQL and S3',
          // Beside each other: these wait more than they compute.
          sequence: { groupOrder: 3 },
          maxWorkers: 2,
          include: [...servedJourneys, ...mainJourneys],
          globalSetup: engineServers,
          env: { E2E_ENGINE: 'postgres', E2E_STORAGE: 's3' },
          execArgv: ['--conditions=source'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      ...(hasMongo ? [mongoJourneys] : []),
    ],
  },
});
