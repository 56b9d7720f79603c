import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, configReference, loadConfig } from './config.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(realpathSync(tmpdir()), 'capgo-config-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

type Env = Record<string, string | undefined>;

function load(env: Env = {}, yml?: string) {
  if (yml !== undefined) write('config.yml', yml);
  return loadConfig({ env, workingDirectory: directory });
}

function faultsOf(env: Env = {}, yml?: string): readonly string[] {
  try {
    load(env, yml);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

function write(name: string, content: string): string {
  const file = join(directory, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

describe('without any setting', () => {
  it('has the documented defaults and leaves optional settings out', () => {
    expect(load()).toStrictEqual({
      userPort: 8000,
      managementPort: 8001,
      metricsPort: 8081,
      dataDir: join(directory, 'data'),
      databaseUrl: `sqlite:${join(directory, 'data/capgo.sqlite')}`,
      limitRequestPerMinute: 100,
      trustedProxies: [],
      corsAllowedOrigins: [],
      cacheResultDurationMs: 600_000,
      maxBundleBytes: 1_073_741_824,
      maxUnpackedBytes: 2_147_483_648,
      brotliQuality: 9,
      failedBundleRetries: 2,
      statsRetentionDays: 90,
      auditRetentionDays: 90,
      allowPrivateUrls: false,
      verifyExternalBundles: true,
      logLevel: 'info',
      bundleDelivery: { kind: 'proxy' },
      warnings: [],
    });
  });

  it('treats empty variables as not set', () => {
    const empty = Object.fromEntries(configReference().map(({ variable }) => [variable, '']));
    expect(load(empty)).toStrictEqual(load());
    expect(load({ MANAGEMENT_API_TOKENS_FILE: '' })).toStrictEqual(load());
  });

  it('treats null, empty text and an empty file in config.yml as not set', () => {
    const expected = load();
    expect(load({}, 'capgo_user_port:\nlog_level: ~\ns3_bucket: null\npublic_url: ""\n')).toStrictEqual(
      expected,
    );
    expect(load({}, '')).toStrictEqual(expected);
    expect(load({}, '# only a comment\n')).toStrictEqual(expected);
  });
});

describe('a value in the environment', () => {
  it.each<[name: string, text: string, property: string, expected: unknown]>([
    ['CAPGO_USER_PORT', '9000', 'userPort', 9000],
    ['CAPGO_USER_PORT', ' 9000 ', 'userPort', 9000],
    ['CAPGO_MANAGEMENT_PORT', '0', 'managementPort', 0],
    ['METRICS_PORT', '65535', 'metricsPort', 65_535],
    ['PUBLIC_URL', 'https://Updates.example.com:443/', 'publicUrl', 'https://updates.example.com'],
    ['PUBLIC_URL', 'http://10.0.0.1:8000/capgo//', 'publicUrl', 'http://10.0.0.1:8000/capgo'],
    ['DATA_DIR', '/var/lib/capgo', 'dataDir', '/var/lib/capgo'],
    ['REDIS_URL', 'redis://redis', 'redisUrl', 'redis://redis'],
    ['REDIS_URL', 'rediss://u:p%23@[::1]:6380/12', 'redisUrl', 'rediss://u:p%23@[::1]:6380/12'],
    ['DATABASE_URL', 'sqlite::memory:', 'databaseUrl', 'sqlite::memory:'],
    ['DATABASE_URL', 'sqlite:/srv/a.db', 'databaseUrl', 'sqlite:/srv/a.db'],
    ['DATABASE_URL', 'SQLite:/srv/a.db', 'databaseUrl', 'sqlite:/srv/a.db'],
    ['DATABASE_URL', 'postgres://u:p%40@db:5433/capgo', 'databaseUrl', 'postgres://u:p%40@db:5433/capgo'],
    [
      'DATABASE_URL',
      'PostgreSQL://db/capgo?sslmode=verify-full',
      'databaseUrl',
      'postgres://db/capgo?sslmode=verify-full',
    ],
    [
      'DATABASE_URL',
      'postgres://u:p@/capgo?host=/run/postgresql',
      'databaseUrl',
      'postgres://u:p@/capgo?host=/run/postgresql',
    ],
    ['DATABASE_URL', 'postgres:///capgo', 'databaseUrl', 'postgres:///capgo'],
    ['MANAGEMENT_API_TOKENS', ' a , b,,c, ', 'managementApiTokens', ['a', 'b', 'c']],
    ['LIMIT_REQUEST_PER_MINUTE', '0', 'limitRequestPerMinute', 0],
    ['LOG_LEVEL', 'SILENT', 'logLevel', 'silent'],
    ['ALLOW_PRIVATE_URLS', 'True', 'allowPrivateUrls', true],
    ['ALLOW_PRIVATE_URLS', 'false', 'allowPrivateUrls', false],
    ['VERIFY_EXTERNAL_BUNDLES', 'False', 'verifyExternalBundles', false],
    ['VERIFY_EXTERNAL_BUNDLES', 'true', 'verifyExternalBundles', true],
    ['MAX_BUNDLE_SIZE', '1', 'maxBundleBytes', 1],
    ['MAX_UNPACKED_SIZE', '5000000000', 'maxUnpackedBytes', 5_000_000_000],
    ['OAUTH_ISSUER', 'https://id.example.com/realms/X', 'oauthIssuer', 'https://id.example.com/realms/X'],
    ['OAUTH_CLIENT_ID', 'capgo', 'oauthClientId', 'capgo'],
    [
      'TRUSTED_PROXIES',
      '10.0.0.1, 10.0.0.0/8,0.0.0.0/0,::1,fd00::/128',
      'trustedProxies',
      ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', 'fd00::/128'],
    ],
    [
      'CORS_ALLOWED_ORIGINS',
      'https://Example.com/,http://localhost:3000,capacitor://example,ionic://localhost/',
      'corsAllowedOrigins',
      ['https://example.com', 'http://localhost:3000', 'capacitor://example', 'ionic://localhost'],
    ],
  ])('%s=%j is read', (name, text, property, expected) => {
    expect(load({ [name]: text })).toHaveProperty(property, expected);
  });

  it.each<[text: string, ms: number]>([
    ['0', 0],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['1.1s', 1100],
    ['.5s', 500],
    ['300ms', 300],
    ['500us', 0.5],
    ['500µs', 0.5],
    ['500μs', 0.5],
    ['1000000ns', 1],
    ['+1m', 60_000],
    ['-0s', 0],
  ])('CACHE_RESULT_DURATION=%s is %d ms', (text, ms) => {
    expect(load({ CACHE_RESULT_DURATION: text }).cacheResultDurationMs).toBe(ms);
  });

  it.each<[name: string, text: string, problem: string]>([
    ['CAPGO_USER_PORT', '65536', 'must be a port number from 0 to 65535, not "65536"'],
    ['CAPGO_MANAGEMENT_PORT', '-1', 'must be a port number'],
    ['METRICS_PORT', '80a', 'must be a port number'],
    ['METRICS_PORT', ' ', 'must be a port number'],
    ['PUBLIC_URL', 'updates.example.com', 'must be a complete http:// or https:// URL'],
    ['PUBLIC_URL', 'ftp://example.com', 'must be a complete http:// or https:// URL'],
    ['PUBLIC_URL', 'https:example.com', 'must be a complete http:// or https:// URL'],
    ['PUBLIC_URL', 'https://example.com:99999', 'must be a complete http:// or https:// URL'],
    ['PUBLIC_URL', 'https://example.com/?a', 'must not contain a query or a fragment'],
    ['DATA_DIR', '  ', 'must not be blank'],
    ['LIMIT_REQUEST_PER_MINUTE', '-1', 'must be a whole number of requests, at least 0, not "-1"'],
    ['LIMIT_REQUEST_PER_MINUTE', '1.5', 'must be a whole number of requests'],
    ['MAX_BUNDLE_SIZE', '0', 'must be a whole number of bytes, at least 1, not "0"'],
    ['MAX_BUNDLE_SIZE', '1GiB', 'must be a whole number of bytes'],
    ['MAX_UNPACKED_SIZE', '9007199254740993', 'must be a whole number of bytes'],
    ['LOG_LEVEL', 'verbose', 'must be one of fatal, error, warn, info, debug, trace, silent, not "verbose"'],
    ['CACHE_RESULT_DURATION', '10', 'must be a duration with units'],
    ['CACHE_RESULT_DURATION', '10 m', 'must be a duration with units'],
    ['CACHE_RESULT_DURATION', '1d', 'must be a duration with units'],
    ['CACHE_RESULT_DURATION', '.s', 'must be a duration with units'],
    ['CACHE_RESULT_DURATION', '-1s', 'must not be negative'],
    ['CACHE_RESULT_DURATION', '9999999h', 'is too long a duration'],
    ['TRUSTED_PROXIES', '10.0.0.1,proxy.local', 'entry 2 must be an IP address or a CIDR range'],
    ['TRUSTED_PROXIES', '10.0.0.0/33', 'entry 1 must have a prefix length from 0 to 32'],
    ['TRUSTED_PROXIES', 'fd00::/129', 'entry 1 must have a prefix length from 0 to 128'],
    ['TRUSTED_PROXIES', '10.0.0.0/', 'entry 1 must have a prefix length'],
    ['TRUSTED_PROXIES', '10.0.0.0/255.0.0.0', 'entry 1 must have a prefix length'],
    ['TRUSTED_PROXIES', '10.0.0.0/8/8', 'entry 1 must be an IP address or a CIDR range'],
    ['TRUSTED_PROXIES', 'fe80::1%eth0', 'entry 1 must be an IP address or a CIDR range'],
    ['TRUSTED_PROXIES', ' , ', 'holds only blanks'],
    ['MANAGEMENT_API_TOKENS', ' ', 'holds only blanks'],
    ['MANAGEMENT_API_TOKENS', ' , ', 'holds only blanks'],
    ['OAUTH_ISSUER', 'https://id.example.com/', 'must not end with a slash'],
    ['OAUTH_ISSUER', 'id.example.com', 'must be a complete http:// or https:// URL'],
    ['OAUTH_CLIENT_ID', ' ', 'must not be blank'],
    ['CORS_ALLOWED_ORIGINS', '*', 'entry 1 must be an origin'],
    ['CORS_ALLOWED_ORIGINS', 'https://*.example.com', 'entry 1 must be an origin'],
    ['CORS_ALLOWED_ORIGINS', 'https://example.com/app', 'entry 1 must be an origin'],
    ['CORS_ALLOWED_ORIGINS', 'https://a.example,example.com', 'entry 2 must be an origin'],
    ['CORS_ALLOWED_ORIGINS', 'null', 'entry 1 must be an origin'],
    ['CORS_ALLOWED_ORIGINS', 'capacitor://', 'entry 1 must be an origin'],
    ['DATABASE_URL', 'mysql://u:p@h/d', 'must begin with sqlite:, postgres:// or mongodb://'],
    ['DATABASE_URL', './capgo.sqlite', 'must begin with sqlite:, postgres:// or mongodb://'],
    ['DATABASE_URL', 'postgres:capgo', 'must be a URL such as postgres://'],
    ['DATABASE_URL', 'postgres://capgo:p/w@db/capgo', 'percent-encoded'],
    ['DATABASE_URL', 'postgres://capgo:12/w@db/capgo', 'percent-encoded'],
    ['DATABASE_URL', 'postgres://capgo:12?w@db/capgo', 'percent-encoded'],
    ['DATABASE_URL', 'postgres://capgo:12#w@db/capgo', 'percent-encoded'],
    ['DATABASE_URL', 'postgres://capgo:p@w@db/capgo', 'percent-encoded'],
    ['DATABASE_URL', 'postgres://capgo:100%@db/capgo', 'percent-encoded'],
    ['DATABASE_URL', 'postgres://db:port/capgo', 'percent-encoded'],
    ['REDIS_URL', 'redis:6379', 'must be a redis:// or rediss:// URL'],
    ['REDIS_URL', 'http://redis', 'must be a redis:// or rediss:// URL'],
    ['REDIS_URL', 'redis:///0', 'must be a redis:// or rediss:// URL'],
    ['REDIS_URL', 'redis://u:p@', 'must be a redis:// or rediss:// URL'],
    ['REDIS_URL', 'redis://redis/main', 'must have nothing but the number of a database as path'],
    ['REDIS_URL', 'redis://redis?db=1', 'must not contain a query'],
    ['REDIS_URL', 'redis://u:50%@redis', 'must have %25 for each %'],
    ['DATABASE_URL', 'sqlite:', 'must name a file'],
    ['DATABASE_URL', 'sqlite:data/', 'must name a file'],
    ['DATABASE_URL', 'sqlite:///a.db', 'must have the path directly after sqlite:'],
    ['DATABASE_URL', 'sqlite:a.db?mode=ro', 'must not have options'],
  ])('%s=%j is one fault that names variable and origin', (name, text, problem) => {
    const faults = faultsOf({ [name]: text });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(problem);
    expect(faults[0]?.startsWith(`${name} (environment): `)).toBe(true);
  });

  it('reports every bad entry of a list', () => {
    expect(faultsOf({ TRUSTED_PROXIES: 'a,10.0.0.1,b' })).toHaveLength(2);
  });

  it('takes relative paths from the working directory', () => {
    expect(load({ DATA_DIR: 'var/../state', DATABASE_URL: 'sqlite:db/capgo.db' })).toMatchObject({
      dataDir: join(directory, 'state'),
      databaseUrl: `sqlite:${join(directory, 'db/capgo.db')}`,
    });
  });

  it('puts the default database under DATA_DIR, whatever characters its name has', () => {
    expect(load({ DATA_DIR: '/srv/$&data' }).databaseUrl).toBe('sqlite:/srv/$&data/capgo.sqlite');
  });
});

describe('ports', () => {
  it('may not be equal, not even to a default, and the fault names both with their origins', () => {
    expect(faultsOf({ CAPGO_USER_PORT: '8001' })).toEqual([
      'CAPGO_MANAGEMENT_PORT (default): is 8001, the same port as CAPGO_USER_PORT (environment); choose another',
    ]);
    expect(
      faultsOf({ METRICS_PORT: '9000', CAPGO_USER_PORT: '9000' }, 'capgo_management_port: 9000'),
    ).toEqual([
      `CAPGO_MANAGEMENT_PORT (capgo_management_port in ${join(directory, 'config.yml')}): is 9000, the same port as CAPGO_USER_PORT (environment); choose another`,
      'METRICS_PORT (environment): is 9000, the same port as CAPGO_USER_PORT (environment); choose another',
    ]);
  });

  it('may all be 0', () => {
    expect(load({ CAPGO_USER_PORT: '0', CAPGO_MANAGEMENT_PORT: '0', METRICS_PORT: '0' })).toMatchObject({
      userPort: 0,
      managementPort: 0,
      metricsPort: 0,
    });
  });
});

describe('TLS', () => {
  it('takes absolute paths of the files, not their content', () => {
    write('tls/cert.pem', 'certificate');
    const keyFile = write('tls/key.pem', 'key');
    expect(load({ TLS_CERT_FILE: 'tls/cert.pem' }, `tls_key_file: ${keyFile}`).tls).toEqual({
      certFile: join(directory, 'tls/cert.pem'),
      keyFile,
    });
  });

  it.each([
    ['TLS_CERT_FILE', 'TLS_KEY_FILE'],
    ['TLS_KEY_FILE', 'TLS_CERT_FILE'],
  ])('%s alone is a fault that names %s', (present, missing) => {
    write('file.pem', '');
    expect(faultsOf({ [present]: 'file.pem' })).toEqual([
      `${missing}: is not set, but ${present} (environment) is; set both or neither`,
    ]);
  });

  it('reports files that cannot be read', () => {
    expect(faultsOf({ TLS_CERT_FILE: 'none.pem', TLS_KEY_FILE: '.' })).toEqual([
      `TLS_CERT_FILE (environment): cannot read the file ${join(directory, 'none.pem')} (ENOENT)`,
      `TLS_KEY_FILE (environment): ${directory} is not a file`,
    ]);
  });
});

describe('MongoDB', () => {
  const string = 'mongodb://capgo:p%40ss@db1:27017,db2:27017/admin?replicaSet=rs0';

  it.each<[what: string, env: Env, databaseUrl: string, mongoDatabase: string]>([
    [
      'as older servers were told',
      { MONGO_CONNECTION_STRING: string, MONGO_DATABASE: 'updates' },
      string,
      'updates',
    ],
    ['by its connection string alone', { MONGO_CONNECTION_STRING: string }, string, 'capgo'],
    ['by the URL', { DATABASE_URL: 'mongodb://db/updates' }, 'mongodb://db/updates', 'updates'],
    [
      'by a URL of a domain, in any letter case',
      { DATABASE_URL: 'MongoDB+srv://u:p@db.example.com/updates?w=1' },
      'mongodb+srv://u:p@db.example.com/updates?w=1',
      'updates',
    ],
    [
      'by URL and name',
      { DATABASE_URL: 'mongodb://db', MONGO_DATABASE: 'updates' },
      'mongodb://db',
      'updates',
    ],
    [
      'by URL and the same name again',
      { DATABASE_URL: 'mongodb://[::1]:27017/updates', MONGO_DATABASE: 'updates' },
      'mongodb://[::1]:27017/updates',
      'updates',
    ],
  ])('is chosen %s', (_what, env, databaseUrl, mongoDatabase) => {
    expect(load(env)).toMatchObject({ databaseUrl, mongoDatabase });
    expect(load(env)).not.toHaveProperty('mongoConnectionString');
  });

  it('is not there when it is not chosen', () => {
    expect(load({})).not.toHaveProperty('mongoDatabase');
  });

  it.each<[what: string, env: Env, fault: string]>([
    [
      'a second database',
      { MONGO_CONNECTION_STRING: string, DATABASE_URL: 'sqlite:a.db' },
      'MONGO_CONNECTION_STRING (environment): is set together with DATABASE_URL (environment); set only one of them',
    ],
    [
      'a name without MongoDB',
      { MONGO_DATABASE: 'updates' },
      'MONGO_DATABASE (environment): has no use without MongoDB; remove it, or set MONGO_CONNECTION_STRING',
    ],
    [
      'no name',
      { DATABASE_URL: 'mongodb://db/?w=1' },
      'DATABASE_URL (environment): names no database; add it after the host (mongodb://host/capgo), or set MONGO_DATABASE',
    ],
    [
      'two names',
      { DATABASE_URL: 'mongodb://db/one', MONGO_DATABASE: 'two' },
      'MONGO_DATABASE (environment): is not the database that DATABASE_URL (environment) names; remove one of the names',
    ],
    [
      'a name that none can have',
      { MONGO_CONNECTION_STRING: string, MONGO_DATABASE: 'a/b' },
      'MONGO_DATABASE (environment): must be the name of a MongoDB database, not "a/b"',
    ],
  ])('with %s is a fault that says what to do', (_what, env, fault) => {
    expect(faultsOf(env)).toEqual([fault]);
  });

  it.each([
    'db:27017',
    'http://db',
    'mongodb://',
    'mongodb://u:p@ss@db',
    'mongodb://u:p/ss@db',
    'mongodb://u:p%@db/a',
  ])('is not chosen by %s', (text) => {
    expect(faultsOf({ MONGO_CONNECTION_STRING: text })).toEqual([
      expect.stringContaining('must be a connection string such as mongodb://'),
    ]);
  });
});

describe('single sign-on', () => {
  const oidc = { OAUTH_ISSUER: 'https://id.example.com', OAUTH_CLIENT_ID: 'console' };
  const open = { emails: [], domains: [], roleClaim: null, roleValues: [] };

  it('is off without an issuer, and says what has no use then', () => {
    expect(load().signIn).toBeUndefined();
    expect(load().warnings).toEqual([]);
    for (const rules of [{ OAUTH_ALLOWED_EMAILS: 'ada@example.com' }, { OAUTH_ROLE_CLAIM: 'groups' }]) {
      const { signIn, warnings } = load(rules);
      expect([signIn, warnings]).toEqual([
        undefined,
        [expect.stringContaining('no use without OAUTH_ISSUER')],
      ]);
    }
  });

  it.each([
    ['OAUTH_ISSUER', 'OAUTH_CLIENT_ID'],
    ['OAUTH_CLIENT_ID', 'OAUTH_ISSUER'],
  ] as const)('is off with %s alone, and says so', (set, missing) => {
    const { signIn, warnings } = load({ [set]: oidc[set] });
    expect([signIn, warnings]).toEqual([undefined, [`${set} is set without ${missing}: nobody can sign in`]]);
  });

  it('lets in everybody of the issuer when nothing restricts that, and warns of it', () => {
    const { signIn, warnings } = load(oidc);
    expect(signIn).toEqual({ issuer: oidc.OAUTH_ISSUER, clientId: 'console', rules: open });
    expect(warnings).toEqual([expect.stringMatching(/^OAUTH_ISSUER lets in everybody .* as admin/)]);
  });

  it('lets in who the rules say, in lower case, and warns of nothing', () => {
    const { signIn, warnings } = load({
      ...oidc,
      ...{ OAUTH_ALLOWED_EMAILS: 'Ada@Example.com, bob@example.org', OAUTH_ALLOWED_DOMAINS: 'Example.NET' },
      ...{ OAUTH_ROLE_CLAIM: 'groups', OAUTH_ROLE_VALUES: 'a=b=admin, staff = read' },
    });
    expect(warnings).toEqual([]);
    expect(signIn?.rules).toEqual({
      ...{ emails: ['ada@example.com', 'bob@example.org'], domains: ['example.net'], roleClaim: 'groups' },
      roleValues: [
        { value: 'a=b', role: 'admin' },
        { value: 'staff', role: 'read' },
      ],
    });
  });

  it('warns of values without a claim, and of plain http on a network', () => {
    const restricted = { ...oidc, OAUTH_ALLOWED_DOMAINS: 'example.com' };
    expect(load({ ...restricted, OAUTH_ROLE_VALUES: 'a=read' }).warnings).toEqual([
      expect.stringContaining('OAUTH_ROLE_VALUES has no use without OAUTH_ROLE_CLAIM'),
    ]);
    const withIssuer = (OAUTH_ISSUER: string) => load({ ...restricted, OAUTH_ISSUER }).warnings;
    expect(withIssuer('http://id.example.com')).toEqual([expect.stringContaining('plain http')]);
    for (const local of ['http://localhost:9000', 'http://127.0.0.1:9000/realms/x']) {
      expect(withIssuer(local)).toEqual([]);
    }
  });

  it.each([
    ['OAUTH_ALLOWED_EMAILS', 'example.com', 'must be an email address'],
    ['OAUTH_ALLOWED_EMAILS', 'a@b@c', 'must be an email address'],
    ['OAUTH_ALLOWED_DOMAINS', '@example.com', 'must be what stands behind the @'],
    ['OAUTH_ALLOWED_DOMAINS', '*.example.com', 'must be what stands behind the @'],
    ['OAUTH_ALLOWED_DOMAINS', 'localhost', 'must be what stands behind the @'],
    ['OAUTH_ALLOWED_DOMAINS', '.example.com', 'must be what stands behind the @'],
    ['OAUTH_ROLE_VALUES', 'admins', 'must be a value of the claim and the role'],
    ['OAUTH_ROLE_VALUES', '=admin', 'must be a value of the claim and the role'],
    ['OAUTH_ROLE_VALUES', 'admins=root', 'must be a value of the claim and the role'],
  ])('%s is not %s', (variable, text, problem) => {
    expect(faultsOf({ ...oidc, [variable]: text })).toEqual([expect.stringContaining(problem)]);
  });
});

describe('bundles in S3', () => {
  const bucket = { S3_BUCKET: 'bundles' };
  const minio = { ...bucket, S3_BASE_ENDPOINT: 'http://minio:9000/' };

  it('need the name of the bucket and nothing else', () => {
    expect(load(bucket)).toMatchObject({ s3: { bucket: 'bundles' }, bundleDelivery: { kind: 'proxy' } });
    expect(load(bucket).s3).toStrictEqual({ bucket: 'bundles' });
    expect(load(bucket).warnings).toEqual([]);
  });

  it('take all they are told, from the environment, files and config.yml', () => {
    write('secret', 'file-secret\n');
    const env = { ...minio, AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY_FILE: 'secret' };
    const yml = [
      'aws_region: eu-central-1',
      'aws_session_token: token',
      's3_public_endpoint: https://s3.example.com',
      'bundle_delivery: Redirect',
    ];
    const { s3, bundleDelivery, warnings } = load(env, yml.join('\n'));
    expect(s3).toStrictEqual({
      bucket: 'bundles',
      baseEndpoint: 'http://minio:9000',
      publicEndpoint: 'https://s3.example.com',
      region: 'eu-central-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'file-secret', sessionToken: 'token' },
    });
    expect(bundleDelivery).toStrictEqual({ kind: 'redirect' });
    expect(warnings).toEqual([]);
  });

  it('can be behind a CDN', () => {
    const env = { ...bucket, BUNDLE_DELIVERY: 'cdn', CDN_BASE_URL: 'https://cdn.example.com/bundles/' };
    expect(load(env).bundleDelivery).toStrictEqual({
      kind: 'cdn',
      baseUrl: 'https://cdn.example.com/bundles',
    });
  });

  it.each<[what: string, env: Env, fault: string]>([
    [
      'an address in place of the name',
      { S3_BUCKET: 's3://bundles/app' },
      'S3_BUCKET (environment): must be the name of a bucket, without s3:// and without a path, not "s3://bundles/app"',
    ],
    [
      'an unknown delivery',
      { ...bucket, BUNDLE_DELIVERY: 'direct' },
      'BUNDLE_DELIVERY (environment): must be one of proxy, redirect, cdn, not "direct"',
    ],
    [
      'an endpoint without a bucket',
      { S3_BASE_ENDPOINT: 'http://minio:9000' },
      'S3_BASE_ENDPOINT (environment): is set, but S3_BUCKET is not; set S3_BUCKET to keep bundles in S3, or remove it to keep them under DATA_DIR',
    ],
    [
      'a redirect without a bucket',
      { BUNDLE_DELIVERY: 'redirect' },
      'BUNDLE_DELIVERY (environment): is redirect, but S3_BUCKET is not set, and only out of a bucket can bundles be fetched elsewhere; set S3_BUCKET, or use proxy',
    ],
    [
      'a CDN without a bucket',
      { BUNDLE_DELIVERY: 'cdn', CDN_BASE_URL: 'https://cdn.example.com' },
      'BUNDLE_DELIVERY (environment): is cdn, but S3_BUCKET is not set, and only out of a bucket can bundles be fetched elsewhere; set S3_BUCKET, or use proxy',
    ],
    [
      'a CDN without its URL',
      { ...bucket, BUNDLE_DELIVERY: 'cdn' },
      'CDN_BASE_URL: is not set, but BUNDLE_DELIVERY is cdn; set it to the URL of the CDN in front of the bucket, or use redirect or proxy',
    ],
    [
      'a key without its secret',
      { ...bucket, AWS_ACCESS_KEY_ID: 'id' },
      "AWS_SECRET_ACCESS_KEY: is not set, but AWS_ACCESS_KEY_ID (environment) is; set both, or neither to use the AWS SDK's credential chain",
    ],
    [
      'a secret without its key',
      { ...bucket, AWS_SECRET_ACCESS_KEY: 'hunter2' },
      "AWS_ACCESS_KEY_ID: is not set, but AWS_SECRET_ACCESS_KEY (environment) is; set both, or neither to use the AWS SDK's credential chain",
    ],
    [
      'a session token without keys',
      { ...bucket, AWS_SESSION_TOKEN: 'hunter2' },
      'AWS_SESSION_TOKEN (environment): is set without the keys it belongs to; set them too',
    ],
    [
      'an http storage behind https',
      { ...minio, BUNDLE_DELIVERY: 'redirect', PUBLIC_URL: 'https://updates.example.com' },
      'S3_BASE_ENDPOINT (environment): is http, but PUBLIC_URL is https, and Android follows no redirect from one to the other; make both https, or use BUNDLE_DELIVERY=proxy',
    ],
    [
      'an http public endpoint behind https',
      {
        ...minio,
        S3_PUBLIC_ENDPOINT: 'http://s3.example.com',
        BUNDLE_DELIVERY: 'redirect',
        PUBLIC_URL: 'https://updates.example.com',
      },
      'S3_PUBLIC_ENDPOINT (environment): is http, but PUBLIC_URL is https, and Android follows no redirect from one to the other; make both https, or use BUNDLE_DELIVERY=proxy',
    ],
    [
      'an https CDN behind http',
      {
        ...bucket,
        BUNDLE_DELIVERY: 'cdn',
        CDN_BASE_URL: 'https://cdn.example.com',
        PUBLIC_URL: 'http://updates.example.com',
      },
      'CDN_BASE_URL (environment): is https, but PUBLIC_URL is http, and Android follows no redirect from one to the other; make both http, or use BUNDLE_DELIVERY=proxy',
    ],
    [
      'a CDN that is this server',
      {
        ...bucket,
        BUNDLE_DELIVERY: 'cdn',
        CDN_BASE_URL: 'https://updates.example.com/files/read/attachments',
        PUBLIC_URL: 'https://updates.example.com',
      },
      'CDN_BASE_URL (environment): leads back to this server, which would send devices round in a circle; set it to the URL of the CDN in front of the bucket',
    ],
  ])('are refused with %s', (_what, env, fault) => {
    expect(faultsOf(env)).toEqual([fault]);
  });

  it('let an http storage be proxied behind https', () => {
    expect(faultsOf({ ...minio, PUBLIC_URL: 'https://updates.example.com' })).toEqual([]);
  });

  it.each(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_REGION'])(
    '%s without a bucket is only a warning, for it is often meant for other programs',
    (name) => {
      const { s3, warnings } = load({ [name]: 'hunter2' });
      expect(s3).toBeUndefined();
      expect(warnings).toEqual([`${name} is set, but S3_BUCKET is not: bundles are stored under DATA_DIR`]);
    },
  );

  it.each(['aws_access_key_id', 'aws_region'])('%s in config.yml without a bucket is a fault', (key) => {
    const [fault] = faultsOf({}, `${key}: hunter2`);
    expect(fault).toMatch(/: is set, but S3_BUCKET is not; set S3_BUCKET to keep bundles in S3/);
  });

  it.each([
    [{ CDN_BASE_URL: 'https://cdn.example.com' }, 'CDN_BASE_URL', 'cdn'],
    [{ S3_PUBLIC_ENDPOINT: 'https://s3.example.com' }, 'S3_PUBLIC_ENDPOINT', 'redirect'],
  ])(
    'keep %j for another time with a warning, so that switching to proxy is one change',
    (env, name, kind) => {
      expect(load({ ...bucket, ...env }).warnings).toEqual([
        `${name} is set, but has no effect unless BUNDLE_DELIVERY is ${kind}`,
      ]);
    },
  );
});

describe('secrets in files', () => {
  it('are read and trimmed, from a path relative to the working directory', () => {
    write('secrets/tokens', '  one,two\n');
    write('secrets/database', 'sqlite:x.db\n');
    expect(
      load({ MANAGEMENT_API_TOKENS_FILE: 'secrets/tokens', DATABASE_URL_FILE: 'secrets/database' }),
    ).toMatchObject({
      managementApiTokens: ['one', 'two'],
      databaseUrl: `sqlite:${join(directory, 'x.db')}`,
    });
  });

  it('win over config.yml', () => {
    write('tokens', 'from-file');
    expect(
      load({ MANAGEMENT_API_TOKENS_FILE: 'tokens' }, 'management_api_tokens: [from-yml]').managementApiTokens,
    ).toEqual(['from-file']);
  });

  it.each(['MANAGEMENT_API_TOKENS', 'DATABASE_URL'])('%s and its file together are a fault', (name) => {
    write('secret', 'hunter2');
    expect(faultsOf({ [name]: 'hunter2', [`${name}_FILE`]: 'secret' })).toEqual([
      `${name} (environment): is set together with ${name}_FILE; set only one of them`,
    ]);
  });

  it('that cannot be read are a fault that names the path', () => {
    expect(faultsOf({ MANAGEMENT_API_TOKENS_FILE: 'none', DATABASE_URL_FILE: directory })).toEqual([
      `DATABASE_URL_FILE (environment): cannot read the file ${directory} (EISDIR)`,
      `MANAGEMENT_API_TOKENS_FILE (environment): cannot read the file ${join(directory, 'none')} (ENOENT)`,
    ]);
  });

  it('that are empty are a fault', () => {
    const file = write('empty', ' \n');
    expect(faultsOf({ MANAGEMENT_API_TOKENS_FILE: 'empty' })).toEqual([
      `MANAGEMENT_API_TOKENS_FILE (environment): the file ${file} is empty`,
    ]);
  });

  it('with one token per line are a fault, for that would be one useless token', () => {
    const file = write('tokens', 'hunter2\nhunter3\n');
    expect(faultsOf({ MANAGEMENT_API_TOKENS_FILE: 'tokens' })).toEqual([
      `MANAGEMENT_API_TOKENS (file ${file}, named by MANAGEMENT_API_TOKENS_FILE): entry 1 contains a blank or a line break; separate tokens by commas`,
    ]);
  });

  it('exist only for secrets', () => {
    expect(load({ LOG_LEVEL_FILE: 'none' }).logLevel).toBe('info');
  });
});

describe('faults never repeat a secret', () => {
  it.each<[name: string, env: Env, yml: string | undefined]>([
    ['a database password', { DATABASE_URL: 'postgres://capgo:x@hunter2@db/capgo' }, undefined],
    ['an unknown database', { DATABASE_URL: 'hunter2' }, undefined],
    ['a malformed SQLite path', { DATABASE_URL: 'sqlite://hunter2' }, undefined],
    ['a password for Redis', { REDIS_URL: 'redis://u:hunter2@redis/hunter2' }, undefined],
    ['a broken URL of Redis', { REDIS_URL: 'hunter2' }, undefined],
    ['a connection string', { MONGO_CONNECTION_STRING: 'mongodb://capgo:hunter2@d@b' }, undefined],
    ['a MongoDB without a database', { DATABASE_URL: 'mongodb://capgo:hunter2@db' }, undefined],
    [
      'two databases',
      { DATABASE_URL: 'mongodb://a:hunter2@db/a', MONGO_CONNECTION_STRING: 'mongodb://a:hunter2@db/a' },
      undefined,
    ],
    ['a token with a blank', { MANAGEMENT_API_TOKENS: 'a,hunter2 b' }, undefined],
    ['a password in PUBLIC_URL', { PUBLIC_URL: 'https://capgo:hunter2@example.com' }, undefined],
    ['a password in a broken URL', { PUBLIC_URL: 'postgres://capgo:hunter2@example.com' }, undefined],
    ['a password in an origin', { CORS_ALLOWED_ORIGINS: 'x://capgo:hunter2@example.com' }, undefined],
    ['an AWS key in config.yml', {}, 'aws_secret_access_key: hunter2'],
    ['a mapping in config.yml', {}, 'management_api_tokens: {hunter2: hunter2}'],
    ['broken YAML', {}, 'management_api_tokens: [hunter2'],
    ['a YAML alias', {}, 'management_api_tokens: *hunter2'],
    ['a YAML tag', {}, 'management_api_tokens: !hunter2 x'],
    ['broken quotes', {}, 'management_api_tokens: "hunter2'],
    ['two scalars', {}, 'management_api_tokens: "a" hunter2'],
    ['top-level text', {}, 'hunter2'],
  ])('%s', (_name, env, yml) => {
    const faults = faultsOf(env, yml);
    expect(faults).not.toHaveLength(0);
    expect(new ConfigError(faults).message).not.toContain('hunter2');
  });
});

describe('config.yml', () => {
  it('holds every setting under its lower-case name, numbers and lists included', () => {
    const config = load(
      {},
      `
capgo_user_port: 9000
capgo_management_port: "9001"
limit_request_per_minute: 0
cache_result_duration: 0
trusted_proxies:
  - 10.0.0.0/8
  - ::1
management_api_tokens: [0012, 1e5, true, "with,comma"]
cors_allowed_origins: https://a.example, https://b.example
max_bundle_size: 10
`,
    );
    expect(config).toMatchObject({
      userPort: 9000,
      managementPort: 9001,
      limitRequestPerMinute: 0,
      cacheResultDurationMs: 0,
      trustedProxies: ['10.0.0.0/8', '::1'],
      managementApiTokens: ['0012', '1e5', 'true', 'with,comma'],
      corsAllowedOrigins: ['https://a.example', 'https://b.example'],
      maxBundleBytes: 10,
    });
  });

  it('gives way to the environment, setting by setting', () => {
    expect(
      load({ CAPGO_USER_PORT: '9100', LOG_LEVEL: '' }, 'capgo_user_port: 9000\nlog_level: debug'),
    ).toMatchObject({ userPort: 9100, logLevel: 'debug' });
  });

  it('may be elsewhere, by CONFIG_FILE', () => {
    write('config.yml', 'capgo_user_port: 9000');
    const file = write('etc/capgo.yml', 'capgo_user_port: 9100');
    expect(load({ CONFIG_FILE: 'etc/capgo.yml' }).userPort).toBe(9100);
    expect(load({ CONFIG_FILE: file }).userPort).toBe(9100);
  });

  it('must exist when CONFIG_FILE names it', () => {
    expect(faultsOf({ CONFIG_FILE: 'none.yml', LOG_LEVEL: 'x' })).toEqual([
      `CONFIG_FILE (environment): cannot read ${join(directory, 'none.yml')} (ENOENT)`,
      expect.stringContaining('LOG_LEVEL'),
    ]);
  });

  it('must be readable when it is there', () => {
    mkdirSync(join(directory, 'config.yml'));
    expect(faultsOf()).toEqual([
      `CONFIG_FILE (default): cannot read ${join(directory, 'config.yml')} (EISDIR)`,
    ]);
  });

  it.each<[name: string, yml: string, problem: string]>([
    ['an open list', 'log_level: info\ntrusted_proxies: [a', ' line 2: not valid YAML (bad indent)'],
    ['a key twice', 'log_level: info\n\nlog_level: warn', ' line 3: not valid YAML (duplicate key)'],
    ['two documents', 'log_level: info\n---\nlog_level: warn', ' line 2: not valid YAML (multiple docs)'],
    ['a foreign tag', 'log_level: !x info', ' line 1: not valid YAML (tag resolve failed)'],
    ['an alias without anchor', 'log_level: info\noauth_client_id: *x', ' line 2: an alias has no anchor'],
    ['a list', '- log_level', ' line 1: the file must be a mapping of settings'],
    ['text', 'log_level', ' line 1: the file must be a mapping of settings'],
    ['an unknown key', 'zzz: 1', ': unknown key "zzz"'],
    ['a typo', 's3_bukcet: x', ': unknown key "s3_bukcet", did you mean "s3_bucket"?'],
    ['a key in capitals', 'LOG_LEVEL: x', ': unknown key "LOG_LEVEL", did you mean "log_level"?'],
    ['a prototype key', '__proto__: {log_level: x}', ': unknown key "__proto__"'],
    [
      'its own path',
      'config_file: x',
      ': unknown key "config_file"; CONFIG_FILE is only read from the environment',
    ],
    [
      'the path of a secret',
      'database_url_file: x',
      ': unknown key "database_url_file"; DATABASE_URL_FILE is only read from the environment',
    ],
  ])('with %s is one fault', (_name, yml, problem) => {
    const faults = faultsOf({}, yml);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`CONFIG_FILE (default): ${join(directory, 'config.yml')}${problem}`);
  });

  it('cannot exhaust the memory with aliases', () => {
    const levels = Array.from({ length: 20 }, (_, n) =>
      n === 0 ? 'a0: &a0 [x]' : `a${n}: &a${n} [${`*a${n - 1},`.repeat(9)}]`,
    );
    const faults = faultsOf({}, levels.join('\n'));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('too many aliases');
  });

  it.each<[yml: string, variable: string, problem: string]>([
    ['capgo_user_port: [8000]', 'CAPGO_USER_PORT', 'must be a single value, not a list'],
    ['log_level: {a: b}', 'LOG_LEVEL', 'must not be a mapping'],
    ['trusted_proxies: {a: b}', 'TRUSTED_PROXIES', 'must not be a mapping'],
    ['trusted_proxies: [[10.0.0.1]]', 'TRUSTED_PROXIES', 'each entry must be a single value'],
    ['management_api_tokens: [a, null]', 'MANAGEMENT_API_TOKENS', 'each entry must be a single value'],
    ['management_api_tokens: [a, " "]', 'MANAGEMENT_API_TOKENS', 'entry 2 is blank'],
    ['management_api_tokens: []', 'MANAGEMENT_API_TOKENS', 'holds no token'],
    ['log_level: true', 'LOG_LEVEL', 'must be one of'],
    ['capgo_user_port: 80.5', 'CAPGO_USER_PORT', 'must be a port number'],
  ])('%s is a fault that names the key and the file', (yml, variable, problem) => {
    const faults = faultsOf({}, yml);
    expect(faults).toHaveLength(1);
    const origin = `${variable.toLowerCase()} in ${join(directory, 'config.yml')}`;
    expect(faults[0]).toContain(`${variable} (${origin}): ${problem}`);
  });
});

it('reports all faults at once, and in the message', () => {
  const faults = faultsOf(
    { CAPGO_USER_PORT: 'x', PUBLIC_URL: 'y', S3_BUCKET: 'z z', DATABASE_URL_FILE: 'none' },
    'log_levle: info\ncache_result_duration: soon',
  );
  expect(faults.map((fault) => fault.split(/[ :]/, 1)[0])).toEqual([
    'CONFIG_FILE',
    'CAPGO_USER_PORT',
    'PUBLIC_URL',
    'DATABASE_URL_FILE',
    'CACHE_RESULT_DURATION',
    'S3_BUCKET',
  ]);
  const { message } = new ConfigError(faults);
  for (const fault of faults) expect(message).toContain(fault);
});

describe('the reference for the documentation', () => {
  it('says for every setting what it does and what breaks', () => {
    for (const { variable, key, description, whenWrong } of configReference()) {
      expect(key ?? 'config_file').toBe(variable.toLowerCase());
      expect(description).toMatch(/^.{20,}\.$/);
      expect(whenWrong).toMatch(/^.{20,}\.$/);
    }
  });

  it('shows defaults as an operator would write them', () => {
    const defaults = new Map(configReference().map((setting) => [setting.variable, setting.default]));
    expect(defaults.get('CACHE_RESULT_DURATION')).toBe('10m');
    expect(defaults.get('TRUSTED_PROXIES')).toBe('');
    expect(defaults.get('DATABASE_URL')).toBe('sqlite:<DATA_DIR>/capgo.sqlite');
    expect(defaults.get('PUBLIC_URL')).toBeUndefined();
  });
});
