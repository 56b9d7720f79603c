import { defineConfig } from 'vitest/config';

// Our packages resolve to their sources. `import` must not stand here: it would also hold for require().
const resolve = { conditions: ['source', 'node', 'default'] };
const ssr = { resolve: { ...resolve, externalConditions: ['source'] } };

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
          execArgv: ['--conditions=source'],
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'e2e',
          // After the unit tests: journeys measure how long a stop takes and need the cores for themselves.
          sequence: { groupOrder: 1 },
          include: ['e2e/**/*.test.ts'],
          execArgv: ['--conditions=source'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
