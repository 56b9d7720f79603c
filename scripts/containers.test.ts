import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createIgnore, parseDockerfile, parseExecForm } from './dockerfile.ts';

const repository = resolve(import.meta.dirname, '..');
const read = (file: string) => readFile(join(repository, file), 'utf8');

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly profiles: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart: string;
}

const composeText = await read('docker-compose.yml');
const compose: { services: Record<string, Service>; volumes: Record<string, null> } = parse(composeText, {
  merge: true,
});
const services = Object.entries(compose.services);
const servers = services.filter(([, { build }]) => build !== undefined);
const profiles = ['embedded', 'mongo', 'postgres'];

const instructions = parseDockerfile(await read('Dockerfile'));
const last = (name: string) => instructions.findLast((instruction) => instruction.name === name)?.rest ?? '';

describe('docker-compose.yml', () => {
  it('runs one server in each profile, and nothing outside one', () => {
    expect(servers.map(([, server]) => server.profiles)).toEqual(profiles.map((profile) => [profile]));
    expect([...new Set(services.flatMap(([, service]) => service.profiles))]).toEqual(profiles);
  });

  it('runs the embedded server when no profile is named', async () => {
    expect(await read('.env')).toMatch(/^COMPOSE_PROFILES=embedded$/m);
  });

  it('publishes the device API on 8000 and the console on 8080, and nothing of a database or storage', () => {
    for (const [, { build, ports }] of services) {
      expect(ports).toEqual(build === undefined ? undefined : ['8000:8000', '8080:8001']);
    }
  });

  it('gives servers only settings that exist', async () => {
    const documented = new Set(
      [...(await read('docs/generated/config.md')).matchAll(/^\| `([A-Z0-9_]+)`/gm)].map(([, name]) => name),
    );
    const used = servers.flatMap(([, { environment = {} }]) => Object.keys(environment));
    expect(used.filter((name) => !documented.has(name))).toEqual([]);
    expect(used).toContain('PUBLIC_URL');
  });

  it('waits for each service a server needs until it is healthy or done', () => {
    for (const [name, { depends_on: needed = {}, profiles: own }] of services) {
      for (const [other, { condition }] of Object.entries(needed)) {
        const service = compose.services[other];
        expect(service?.profiles, `${name} needs ${other}`).toEqual(own);
        expect(condition, `${name} needs ${other}`).toBe(
          service?.restart === 'no' ? 'service_completed_successfully' : 'service_healthy',
        );
        if (condition === 'service_healthy') expect(service?.healthcheck?.test[0]).toBe('CMD');
      }
    }
    expect(Object.keys(compose.services['capgo-server-mongo']?.depends_on ?? {})).toEqual([
      'mongo',
      'minio-bucket',
    ]);
    expect(Object.keys(compose.services['capgo-server-postgres']?.depends_on ?? {})).toEqual(['postgres']);
  });

  it('keeps all data in named volumes, none of them shared', () => {
    const mounted = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(':')[0]));
    expect(mounted.toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
    expect(servers.every(([, { volumes = [] }]) => volumes[0]?.endsWith(`:${dataDir()}`))).toBe(true);
  });

  it('pins every image to a version', () => {
    for (const [name, { image, build }] of services) {
      if (build === undefined) expect(image, name).toMatch(/:(\d+\.\d+|RELEASE\.\d{4}-)/);
    }
  });

  it('says of each password that has a default what it is for, and reads without any variable set', () => {
    const variables = [...composeText.matchAll(/\$\{([^}]*)\}/g)].map(([, expression = '']) => expression);
    expect(new Set(variables)).toEqual(
      new Set(['MONGO', 'MINIO', 'POSTGRES'].map((name) => `${name}_PASSWORD:-for-trying-out-only`)),
    );
  });
});

function dataDir(): string {
  return (
    instructions.flatMap(({ name, rest }) =>
      name === 'ENV' ? (/DATA_DIR=(\S+)/.exec(rest) ?? []) : [],
    )[1] ?? ''
  );
}

describe('Dockerfile', () => {
  it('runs on the Node that development runs on', async () => {
    const lock = JSON.parse(await read('package-lock.json'));
    const images = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0]);
    expect(images).toEqual([
      `node:${lock.packages['node_modules/node'].version}-bookworm-slim`,
      'base',
      'base',
      'base',
    ]);
  });

  it('starts the server as `npm start` does, and loads the compile cache with the same flags', async () => {
    const { scripts } = JSON.parse(await read('package.json'));
    const words = [...parseExecForm(last('ENTRYPOINT')), ...parseExecForm(last('CMD'))];
    expect(`exec ${words.join(' ').replace('/app/', '')}`).toBe(scripts.start);
    expect(last('RUN')).toBe(`${scripts.start.slice('exec '.length, -'serve'.length)}help`);
  });

  it('declares the data folder as a volume that belongs to the user who runs it', () => {
    expect(parseExecForm(last('VOLUME'))).toEqual([dataDir()]);
    const owned = instructions.find(({ name, rest }) => name === 'COPY' && rest.endsWith(` ${dataDir()}`));
    expect(owned?.flags['chown']).toBe(`${last('USER')}:${last('USER')}`);
  });

  it('installs every package of ours that the server needs', async () => {
    const { dependencies } = JSON.parse(await read('packages/server/package.json'));
    const ours = Object.keys(dependencies).filter((name) => name.startsWith('@capgo-server/'));
    const copied = instructions.filter(({ name, flags }) => name === 'COPY' && flags['from'] === undefined);
    for (const folder of ['server', ...ours.map((name) => name.slice('@capgo-server/'.length))]) {
      expect(copied.map(({ rest }) => rest)).toContain(`packages/${folder} packages/${folder}`);
    }
  });

  it('copies only what is there and not ignored', async () => {
    const isIgnored = createIgnore(await read('.dockerignore'));
    for (const { name, flags, rest } of instructions) {
      if (name !== 'COPY' || flags['from'] !== undefined) continue;
      for (const path of rest.split(' ').slice(0, -1)) {
        expect(existsSync(join(repository, path)), path).toBe(true);
        expect(isIgnored(path), path).toBe(false);
      }
    }
  });
});

describe('.dockerignore', () => {
  it.each([
    ['packages/server/src/main.ts', false],
    ['packages/server/package.json', false],
    ['packages/server/src/config.test.ts', true],
    ['packages/server/src/testing/builders.ts', true],
    ['packages/server/src/persistence/contract/store-contract.ts', true],
    ['packages/server/README.md', true],
    ['packages/console/src/main.tsx', false],
    ['packages/console/vite.config.ts', false],
    ['packages/console/dist/index.html', true],
    ['packages/console/node_modules/x/package.json', true],
    ['packages/console/src/features/bundles/web-folder.test.ts', true],
    ['node_modules/fastify/package.json', true],
    ['e2e/package.json', true],
    ['data/management-token', true],
    ['config.yml', true],
    ['.env', true],
    ['.git/config', true],
  ])('of %s says that it is kept away: %s', async (path, expected) => {
    expect(createIgnore(await read('.dockerignore'))(path)).toBe(expected);
  });
});
