import type { TestProject } from 'vitest/node';
import { type PostgresServer, startPostgresServer } from './postgres-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A server on which tests may create databases. */
    postgresUrl: string;
  }
}

let server: PostgresServer | undefined;

/** Gives the tests of a project the server that TEST_POSTGRES_URL names, or else one that is started for them. */
export async function setup(project: TestProject): Promise<void> {
  const given = process.env['TEST_POSTGRES_URL'];
  if (!given) server = await startPostgresServer();
  project.provide('postgresUrl', given || (server?.url ?? ''));
}

export async function teardown(): Promise<void> {
  await server?.destroy();
}
