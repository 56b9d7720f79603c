import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { LineCounter, parseDocument, visit } from 'yaml';
import { readSignIn, type SignInConfig } from './config-sign-in.ts';
import {
  bucketName,
  databaseUrl,
  defaultMongoDatabase,
  delivery,
  duration,
  emailAddress,
  emailDomain,
  isMongoUrl,
  issuer,
  listOf,
  logLevel,
  logLevels,
  managementTokens,
  mongoDatabaseName,
  mongoUrl,
  nonBlank,
  origin,
  path,
  port,
  proxyRange,
  publicUrl,
  quoted,
  type Raw,
  readableFile,
  reasonOf,
  redisUrl,
  roleValue,
  single,
  truth,
  UnacceptableValue,
  wholeNumber,
} from './config-values.ts';

interface Setting {
  readonly variable: string;
  /** Markdown; one sentence of what it does, with units. */
  readonly description: string;
  /** Markdown; what an operator sees when the value is wrong. */
  readonly whenWrong: string;
  /** Never repeated in a message; may also come from the file named by `<variable>_FILE`. */
  readonly secret?: true;
  readonly environmentOnly?: true;
  /** Throws `UnacceptableValue`; relative paths start at `workingDirectory`. */
  readonly read: (raw: Raw, workingDirectory: string) => unknown;
  /** Written as an operator would; '' is an empty list, `<DATA_DIR>` the resolved DATA_DIR. */
  readonly default?: string;
}

/**
 * Every setting of the server. The key in config.yml is the variable's name in lower case. The loader, the
 * type `Config` and the documentation all follow from this record; add a setting here and nowhere else.
 */
const schema = {
  configFile: {
    variable: 'CONFIG_FILE',
    environmentOnly: true,
    default: 'config.yml',
    read: single(path),
    description:
      'Path of the YAML file with settings; relative paths start at the working directory. The environment overrides the file, setting by setting.',
    whenWrong: 'A named file that cannot be read stops the start; a missing default file is simply not used.',
  },
  userPort: {
    variable: 'CAPGO_USER_PORT',
    default: '8000',
    read: single(port),
    description:
      'TCP port of the device API, where apps check for updates and download bundles; `0` takes any free port.',
    whenWrong: 'Devices cannot reach the server and silently stay on the bundle they have.',
  },
  managementPort: {
    variable: 'CAPGO_MANAGEMENT_PORT',
    default: '8001',
    read: single(port),
    description:
      'TCP port of the management API, where releases and bundles are administered; `0` takes any free port.',
    whenWrong: 'Pipelines and operators cannot reach the server; devices are not affected.',
  },
  metricsPort: {
    variable: 'METRICS_PORT',
    default: '8081',
    read: single(port),
    description: 'TCP port of the Prometheus metrics; `0` takes any free port.',
    whenWrong: 'Monitoring scrapes nothing, so its alerts stay quiet or all fire at once.',
  },
  publicUrl: {
    variable: 'PUBLIC_URL',
    read: single(publicUrl),
    description:
      'The http(s) URL under which devices reach the device API from outside, used to build download links.',
    whenWrong: 'Update checks succeed but every download fails, because the links lead nowhere.',
  },
  dataDir: {
    variable: 'DATA_DIR',
    default: './data',
    read: single(path),
    description:
      'Directory of the database and the bundles; relative paths start at the working directory. Put it on a volume that survives restarts and is backed up.',
    whenWrong:
      'The server starts empty: apps, releases and bundles seem gone, or are lost with the container.',
  },
  databaseUrl: {
    variable: 'DATABASE_URL',
    secret: true,
    default: 'sqlite:<DATA_DIR>/capgo.sqlite',
    read: single(databaseUrl),
    description:
      'The database: `sqlite:` and a path (relative paths start at the working directory), `sqlite::memory:`, which forgets everything at exit, `postgres://user:password@host:5432/database`, or `mongodb://user:password@host:27017/database` (also `mongodb+srv://`; MongoDB 4.0 or newer, a single server is enough). A database of PostgreSQL must exist, in UTF-8; its tables are made in the first schema of the search path. `?sslmode=verify-full` asks for TLS and checks the certificate (`&sslrootcert=` names the file of another authority), `?sslmode=no-verify` does not check it; what the URL leaves out is taken from `PGHOST`, `PGUSER`, `PGPASSWORD` and the like.',
    whenWrong:
      'Another path or database is another, empty one. The start waits for a server that is not there, or refuses the user, and logs why.',
  },
  redisUrl: {
    variable: 'REDIS_URL',
    secret: true,
    read: single(redisUrl),
    description:
      'Redis 6 or newer, for several nodes: `redis://user:password@host:6379/0`, or `rediss://` for TLS. With it rate limits are counted over all nodes, and a change made on one is followed at once by the others; without it each node counts for itself and looks for changes twice a second. Deployments that share one Redis take different database numbers (the path).',
    whenWrong:
      'Rate limits are counted by each node, with a line in the log, until it can be reached; nothing else fails.',
  },
  managementApiTokens: {
    variable: 'MANAGEMENT_API_TOKENS',
    secret: true,
    read: managementTokens,
    description:
      'Tokens that may do everything in the management API; comma-separated, or a YAML list. Treat each like a root password. When not set, one is made at the first start and kept in `DATA_DIR/management-token`.',
    whenWrong:
      'A missing token locks its users out; a guessable one lets strangers ship code to every device.',
  },
  limitRequestPerMinute: {
    variable: 'LIMIT_REQUEST_PER_MINUTE',
    default: '100',
    read: single(wholeNumber('requests', 0)),
    description:
      'Update checks one client address may make each minute, refilled one by one; `0` turns the limit off.',
    whenWrong:
      'Too low: devices behind one shared address are turned away; too high: one client can keep the server busy.',
  },
  trustedProxies: {
    variable: 'TRUSTED_PROXIES',
    default: '',
    read: listOf(proxyRange),
    description:
      "Addresses or CIDR ranges (IPv4, IPv6) of reverse proxies whose forwarded client address is believed; comma-separated, or a YAML list. The client's address is what the rate limit counts.",
    whenWrong:
      'Missing proxy: all devices share one rate limit and are soon turned away; range too wide: clients forge their address and escape the limit.',
  },
  corsAllowedOrigins: {
    variable: 'CORS_ALLOWED_ORIGINS',
    default: '',
    read: listOf(origin),
    description:
      'Further origins whose web pages may call the server, such as `https://example.com` or `capacitor://example`; comma-separated, or a YAML list, without wildcards.',
    whenWrong: 'Browsers block the calls of a missing origin; native apps are not affected.',
  },
  cacheResultDurationMs: {
    variable: 'CACHE_RESULT_DURATION',
    default: '10m',
    read: single(duration),
    description:
      'Longest time update checks are answered from memory before the data is read again, as a duration such as `10m`, `1h30m` or `300ms`; under a second counts as one. Changes made through the management API are seen at once whatever it says.',
    whenWrong:
      'Too long: changes that bypass this process reach devices late; too short: the database is read more often.',
  },
  maxBundleBytes: {
    variable: 'MAX_BUNDLE_SIZE',
    default: '1073741824',
    read: single(wholeNumber('bytes', 1)),
    description: 'Largest bundle zip that may be uploaded, in bytes (the default is 1 GiB).',
    whenWrong: 'Too small: uploads of larger bundles are refused; too large: one upload can fill the disk.',
  },
  maxUnpackedBytes: {
    variable: 'MAX_UNPACKED_SIZE',
    default: '2147483648',
    read: single(wholeNumber('bytes', 1)),
    description:
      'Largest total size of the files inside one bundle zip, in bytes after unpacking (the default is 2 GiB).',
    whenWrong:
      'Too small: well-compressed bundles are refused; too large: a small hostile zip can fill the disk.',
  },
  brotliQuality: {
    variable: 'BROTLI_QUALITY',
    default: '9',
    read: single(wholeNumber('levels', 0, 11)),
    description:
      'How hard the files of a bundle are compressed for devices that download only what changed, `0` to `11`. Files that are stored already stay as they are.',
    whenWrong:
      'Too high: manifests are ready late (`10` makes scripts a tenth smaller than `9`, in some seven times the time); too low: devices download more.',
  },
  failedBundleRetries: {
    variable: 'FAILED_BUNDLE_RETRIES',
    default: '2',
    read: single(wholeNumber('failures', 0)),
    description:
      'Reports of failed installs of one bundle, each damaged file one, that a device may send and still be offered that bundle; after more it waits for another one. `0` offers it for ever.',
    whenWrong:
      'Too high: devices download a bundle that cannot work there again and again; too low: one bad moment costs a device an update.',
  },
  statsRetentionDays: {
    variable: 'STATS_RETENTION_DAYS',
    default: '90',
    read: single(wholeNumber('days', 1)),
    description: 'Days that single device events are kept; the daily counters and the device inventory stay.',
    whenWrong:
      'Too long: the database grows; too short: there is nothing to look at when a complaint comes late.',
  },
  auditRetentionDays: {
    variable: 'AUDIT_RETENTION_DAYS',
    default: '90',
    read: single(wholeNumber('days', 1)),
    description: 'Days that the audit log, and what became of the deliveries to webhooks, is kept.',
    whenWrong: 'Too long: the database grows; too short: nobody can tell any more who changed something.',
  },
  allowPrivateUrls: {
    variable: 'ALLOW_PRIVATE_URLS',
    default: 'false',
    read: single(truth),
    description:
      'Whether the server may call http URLs and addresses of private networks when a request names them, as the zip of an external bundle or as a webhook: `true` or `false`. For use on a network of your own whose callers you trust.',
    whenWrong:
      '`true` where strangers hold keys: they can make the server call what only it can reach; `false`: external bundles and webhooks inside the network are refused.',
  },
  verifyExternalBundles: {
    variable: 'VERIFY_EXTERNAL_BUNDLES',
    default: 'true',
    read: single(truth),
    description:
      'Whether the zip of an external bundle is fetched and checked before the bundle is made, as an upload is: `true` or `false`.',
    whenWrong:
      '`false`: a wrong URL, checksum or zip is found out by the devices; `true` where the server cannot reach what devices can: external bundles are refused.',
  },
  tlsCertFile: {
    variable: 'TLS_CERT_FILE',
    read: single(readableFile),
    description:
      'Path of the PEM certificate chain to serve both APIs over HTTPS with; needs `TLS_KEY_FILE`. Without both they speak plain HTTP. Read again when it changes.',
    whenWrong: 'A missing file stops the start; a certificate devices do not trust stops all updates.',
  },
  tlsKeyFile: {
    variable: 'TLS_KEY_FILE',
    read: single(readableFile),
    description: 'Path of the PEM private key of the certificate in `TLS_CERT_FILE`.',
    whenWrong: 'A missing file, or the key of another certificate, stops the start.',
  },
  logLevel: {
    variable: 'LOG_LEVEL',
    default: 'info',
    read: single(logLevel),
    description: `Least severe messages to log: ${logLevels.map((level) => `\`${level}\``).join(', ')}.`,
    whenWrong: 'Too severe: nothing to read after a fault; too fine: logs grow with every request.',
  },
  oauthIssuer: {
    variable: 'OAUTH_ISSUER',
    read: single(issuer),
    description:
      'URL of the OpenID Connect issuer, without trailing slash and equal to the `iss` field of its tokens (one at its end is forgiven there). With `OAUTH_CLIENT_ID` the management API takes its tokens as `Authorization: Bearer`.',
    whenWrong:
      'Nobody can sign in: tokens are refused, or answered 503 when nothing of an issuer is found there. Management tokens and API keys are not affected.',
  },
  oauthClientId: {
    variable: 'OAUTH_CLIENT_ID',
    read: single(nonBlank),
    description:
      'OAuth 2.0 client ID given by the issuer, published together with `OAUTH_ISSUER` at `/apipublic/v1/oauth2.config`. Tokens must have been given to it (`azp` or `client_id`, or without those `aud`).',
    whenWrong: 'The identity provider refuses to sign anyone in, or its tokens are refused here.',
  },
  oauthAllowedEmails: {
    variable: 'OAUTH_ALLOWED_EMAILS',
    default: '',
    read: listOf(emailAddress),
    description:
      'Email addresses of the people who may sign in; comma-separated, or a YAML list. With `OAUTH_ALLOWED_DOMAINS` either is enough. An address that the issuer calls unverified lets nobody in.',
    whenWrong:
      'Too few: operators are answered 403; together with `OAUTH_ALLOWED_DOMAINS` and `OAUTH_ROLE_CLAIM` not set, everybody of the issuer is an admin, which the start warns of.',
  },
  oauthAllowedDomains: {
    variable: 'OAUTH_ALLOWED_DOMAINS',
    default: '',
    read: listOf(emailDomain),
    description:
      'Domains of the email addresses of the people who may sign in, such as `example.com`, each without those below it; comma-separated, or a YAML list.',
    whenWrong: 'Everybody with an address of a domain that is not yours alone can ship code to every device.',
  },
  oauthRoleClaim: {
    variable: 'OAUTH_ROLE_CLAIM',
    read: single(nonBlank),
    description:
      'Claim of the token (else of userinfo) that says what a person may do, by name or by path, such as `groups` or `realm_access.roles`; a text or a list. Its values are `read`, `upload`, `write` and `admin`, or those of `OAUTH_ROLE_VALUES`; the greatest counts, and who has none is not let in. When not set, everybody who is let in is an admin.',
    whenWrong: 'Operators are answered 403, or may do too much.',
  },
  oauthRoleValues: {
    variable: 'OAUTH_ROLE_VALUES',
    default: '',
    read: listOf(roleValue),
    description:
      'Which value of `OAUTH_ROLE_CLAIM` stands for which role, such as `ota-admins=admin,ota-viewers=read`; comma-separated, or a YAML list.',
    whenWrong: 'Operators are answered 403, or may do too much.',
  },
  mongoConnectionString: {
    variable: 'MONGO_CONNECTION_STRING',
    secret: true,
    read: single(mongoUrl),
    description:
      'MongoDB connection string, `mongodb://…` or `mongodb+srv://…`; the same as in `DATABASE_URL`, under the name that older servers used. The database is `MONGO_DATABASE`, whatever database the string names.',
    whenWrong: 'Set together with `DATABASE_URL`, or not a connection string, it stops the start.',
  },
  mongoDatabase: {
    variable: 'MONGO_DATABASE',
    read: single(mongoDatabaseName),
    description:
      'Name of the MongoDB database; not needed when `DATABASE_URL` names it, and `capgo` when `MONGO_CONNECTION_STRING` is set alone. What an older server wrote into it is taken over.',
    whenWrong: 'Another name is another, empty database; without MongoDB it stops the start.',
  },
  s3Bucket: {
    variable: 'S3_BUCKET',
    read: single(bucketName),
    description:
      'S3 bucket for bundles, which may and should be private and theirs alone. When not set they are stored under `DATA_DIR`, which uploads pass through in any case. `capgo-server storage check` tries it out.',
    whenWrong:
      'Uploads and downloads are answered 503 until it is right; in another bucket earlier bundles are missing.',
  },
  s3BaseEndpoint: {
    variable: 'S3_BASE_ENDPOINT',
    read: single(publicUrl),
    description:
      'URL of an S3-compatible storage such as MinIO, asked in path style; when not set, AWS is asked.',
    whenWrong: 'Uploads and downloads are answered 503; update checks go on.',
  },
  s3PublicEndpoint: {
    variable: 'S3_PUBLIC_ENDPOINT',
    read: single(publicUrl),
    description:
      'URL under which devices reach the same storage, for the links of `BUNDLE_DELIVERY=redirect`; when not set, that of the server itself.',
    whenWrong: 'Update checks succeed but every download fails, because the links lead nowhere.',
  },
  awsRegion: {
    variable: 'AWS_REGION',
    read: single(nonBlank),
    description:
      'Region of the bucket; when not set, that of the AWS configuration of the machine, and `us-east-1` with `S3_BASE_ENDPOINT`.',
    whenWrong: 'AWS refuses every request, and uploads and downloads are answered 503.',
  },
  awsAccessKeyId: {
    variable: 'AWS_ACCESS_KEY_ID',
    secret: true,
    read: single(nonBlank),
    description:
      "Access key for the bucket. When not set, credentials come from the AWS SDK's chain: shared files, web identity, container or instance role.",
    whenWrong: 'The storage refuses every request, and uploads and downloads are answered 503.',
  },
  awsSecretAccessKey: {
    variable: 'AWS_SECRET_ACCESS_KEY',
    secret: true,
    read: single(nonBlank),
    description: 'Secret of `AWS_ACCESS_KEY_ID`.',
    whenWrong: 'The storage refuses every request, and uploads and downloads are answered 503.',
  },
  awsSessionToken: {
    variable: 'AWS_SESSION_TOKEN',
    secret: true,
    read: single(nonBlank),
    description: 'Session token of temporary keys.',
    whenWrong: 'Missing or expired: the storage refuses every request.',
  },
  bundleDelivery: {
    variable: 'BUNDLE_DELIVERY',
    default: 'proxy',
    read: single(delivery),
    description:
      'How devices get bundles out of S3, always under the same URL: `proxy` (the server passes them through), `redirect` (to a link into the bucket that is good for 15 minutes), `cdn` (to `CDN_BASE_URL`, with the object key as path). A device that came over http is not sent to https or the other way, because Android does not follow; it gets the bundle from the server.',
    whenWrong: 'Devices are sent where they cannot go, and every download fails.',
  },
  cdnBaseUrl: {
    variable: 'CDN_BASE_URL',
    read: single(publicUrl),
    description:
      'URL of a CDN in front of the bucket, for `BUNDLE_DELIVERY=cdn`. What it keeps of a deleted bundle is its own affair.',
    whenWrong: 'Update checks succeed but every download fails, because the links lead nowhere.',
  },
} as const satisfies Record<string, Setting>;

type Schema = typeof schema;
type SettingName = keyof Schema;
type ReadBy<S> = S extends { readonly read: (...parameters: never[]) => infer Value } ? Value : never;
type Values = {
  -readonly [N in SettingName as Schema[N] extends { default: string } ? N : never]: ReadBy<Schema[N]>;
} & {
  -readonly [N in SettingName as Schema[N] extends { default: string } ? never : N]?: ReadBy<Schema[N]>;
};
type S3Setting =
  | 's3Bucket'
  | 's3BaseEndpoint'
  | 's3PublicEndpoint'
  | 'awsRegion'
  | 'awsAccessKeyId'
  | 'awsSecretAccessKey'
  | 'awsSessionToken';
type DeliverySetting = 'bundleDelivery' | 'cdnBaseUrl';
type SignInRuleSetting = 'oauthAllowedEmails' | 'oauthAllowedDomains' | 'oauthRoleClaim' | 'oauthRoleValues';
type Flat<T> = { readonly [K in keyof T]: T[K] };

/**
 * The settings, checked and resolved: paths are absolute, durations milliseconds, sizes bytes; an optional
 * property is absent when its variable is not set. `databaseUrl` is `sqlite:<absolute path>`,
 * `sqlite::memory:`, begins with `postgres://`, or is a MongoDB connection string; then, and only then, there is a
 * `mongoDatabase`.
 */
export type Config = Flat<
  Omit<
    Values,
    | 'configFile'
    | 'tlsCertFile'
    | 'tlsKeyFile'
    | 'mongoConnectionString'
    | DeliverySetting
    | SignInRuleSetting
    | S3Setting
  > & {
    /** Where bundles are kept; absent means below `dataDir`. */
    readonly s3?: S3Config;
    readonly bundleDelivery: BundleDelivery;
    /** Absolute paths of PEM files that were readable at start; absent means plain HTTP. */
    readonly tls?: { readonly certFile: string; readonly keyFile: string };
    /** Absent when nobody can sign in. */
    readonly signIn?: SignInConfig;
    /** Sentences for the log: settings that are present and have no effect. */
    readonly warnings: readonly string[];
  }
>;

/** Endpoints are URLs without a trailing slash; what is absent is left to the AWS SDK. */
export interface S3Config {
  readonly bucket: string;
  readonly baseEndpoint?: string;
  readonly publicEndpoint?: string;
  readonly region?: string;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** Anything but `proxy` comes with `s3` only. */
export type BundleDelivery =
  | { readonly kind: 'proxy' | 'redirect' }
  /** URL without a trailing slash. */
  | { readonly kind: 'cdn'; readonly baseUrl: string };

/** Everything wrong with the settings. Each fault starts with a variable's name; none repeats a secret. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration has ${faults.length} fault(s):\n${faults.map((f) => `- ${f}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute; where `config.yml` is looked for and relative paths start. */
  readonly workingDirectory: string;
}

/**
 * Reads the environment, `config.yml` and `*_FILE` secrets. An empty variable counts as not set.
 * Nothing is created; only the configuration file, secret files and TLS paths are touched.
 *
 * @throws ConfigError with all faults at once.
 */
export function loadConfig(
  source: ConfigSource = { env: process.env, workingDirectory: process.cwd() },
): Config {
  const { workingDirectory } = source;
  const faults: string[] = [];
  const warnings: string[] = [];
  const file = readConfigFile(source, faults);
  const origins: { [N in SettingName]?: string } = {};
  const values: Partial<Record<SettingName, unknown>> = {};

  for (const name of settingNames) {
    if (name === 'configFile') continue;
    const setting: Setting = schema[name];
    const found = findValue(setting, source, file, faults);
    if (found === 'faulty') continue;
    if (found) origins[name] = found.origin;
    // DATA_DIR stands before DATABASE_URL in the schema, so it is known here unless it has a fault itself.
    const raw = found?.raw ?? setting.default?.replace('<DATA_DIR>', () => String(values.dataDir ?? 'data'));
    if (raw === undefined) continue;
    try {
      values[name] = setting.read(raw, workingDirectory);
    } catch (error) {
      if (!(error instanceof UnacceptableValue)) throw error;
      for (const problem of error.problems) {
        faults.push(`${setting.variable} (${found?.origin ?? 'default'}): ${problem}`);
      }
    }
  }

  const s3 = s3Faults(values as Partial<Values>, origins);
  faults.push(...samePortFaults(values, origins), ...halfTlsFaults(origins), ...s3.faults);
  faults.push(...mongoFaults(values, origins));
  warnings.push(...s3.warnings);
  if (faults.length > 0) throw new ConfigError(faults);
  // The loop filled exactly what the schema promises, or pushed a fault.
  const { configFile: _, tlsCertFile, tlsKeyFile, bundleDelivery, cdnBaseUrl, ...others } = values as Values;
  const { mongoConnectionString, ...shared } = others;
  const { oauthAllowedEmails, oauthAllowedDomains, oauthRoleClaim, oauthRoleValues, ...withS3 } = shared;
  const { s3Bucket, s3BaseEndpoint, s3PublicEndpoint, awsRegion, ...rest } = withS3;
  const { awsAccessKeyId, awsSecretAccessKey, awsSessionToken, ...plain } = rest;
  const credentials = awsAccessKeyId &&
    awsSecretAccessKey && {
      accessKeyId: awsAccessKeyId,
      secretAccessKey: awsSecretAccessKey,
      ...(awsSessionToken && { sessionToken: awsSessionToken }),
    };
  const mongoDatabase = mongoDatabaseOf(values);
  const { signIn, warnings: ofSignIn } = readSignIn({
    ...{ oauthIssuer: plain.oauthIssuer, oauthClientId: plain.oauthClientId, oauthRoleClaim },
    ...{ oauthAllowedEmails, oauthAllowedDomains, oauthRoleValues },
  });
  warnings.push(...ofSignIn);
  return {
    ...plain,
    ...(signIn && { signIn }),
    databaseUrl: mongoConnectionString ?? plain.databaseUrl,
    ...(mongoDatabase && { mongoDatabase }),
    ...(s3Bucket && {
      s3: {
        bucket: s3Bucket,
        ...(s3BaseEndpoint && { baseEndpoint: s3BaseEndpoint }),
        ...(s3PublicEndpoint && { publicEndpoint: s3PublicEndpoint }),
        ...(awsRegion && { region: awsRegion }),
        ...(credentials && { credentials }),
      },
    }),
    bundleDelivery:
      bundleDelivery === 'cdn'
        ? { kind: bundleDelivery, baseUrl: cdnBaseUrl ?? '' }
        : { kind: bundleDelivery },
    ...(tlsCertFile && tlsKeyFile ? { tls: { certFile: tlsCertFile, keyFile: tlsKeyFile } } : {}),
    warnings,
  };
}

export interface SettingReference {
  readonly variable: string;
  /** The key in config.yml; absent when only the environment is read. */
  readonly key?: string;
  /** The variable that names a file with the value; secrets only. */
  readonly fileVariable?: string;
  /** As an operator would write it; '' is an empty list, absent means the setting is off. */
  readonly default?: string;
  /** Markdown. */
  readonly description: string;
  /** Markdown. */
  readonly whenWrong: string;
}

/** The schema as documentation shows it, in reading order. */
export function configReference(): readonly SettingReference[] {
  return settingNames.map((name) => {
    const setting: Setting = schema[name];
    const { variable, description, whenWrong } = setting;
    return {
      variable,
      ...(setting.environmentOnly ? {} : { key: keyOf(setting) }),
      ...(setting.secret ? { fileVariable: `${variable}_FILE` } : {}),
      ...(setting.default !== undefined ? { default: setting.default } : {}),
      description,
      whenWrong,
    };
  });
}

// --- Where values come from

const settingNames = Object.keys(schema) as SettingName[];

function keyOf(setting: Setting): string {
  return setting.variable.toLowerCase();
}

/** The settings a configuration file holds, by key, and how to name the file in a fault. */
interface ConfigFile {
  readonly path: string;
  readonly entries: ReadonlyMap<string, unknown>;
}

interface FoundValue {
  readonly raw: Raw;
  readonly origin: string;
}

function findValue(
  setting: Setting,
  { env, workingDirectory }: ConfigSource,
  file: ConfigFile,
  faults: string[],
): FoundValue | 'faulty' | undefined {
  const { variable } = setting;
  const fileVariable = `${variable}_FILE`;
  const inEnvironment = env[variable];
  const secretFile = setting.secret ? env[fileVariable] : undefined;
  if (inEnvironment && secretFile) {
    faults.push(`${variable} (environment): is set together with ${fileVariable}; set only one of them`);
    return 'faulty';
  }
  if (inEnvironment) return { raw: inEnvironment, origin: 'environment' };
  if (secretFile) {
    const secretPath = resolve(workingDirectory, secretFile.trim());
    let content: string;
    try {
      content = readFileSync(secretPath, 'utf8').trim();
    } catch (error) {
      faults.push(`${fileVariable} (environment): cannot read the file ${secretPath} (${reasonOf(error)})`);
      return 'faulty';
    }
    if (content !== '') return { raw: content, origin: `file ${secretPath}, named by ${fileVariable}` };
    faults.push(`${fileVariable} (environment): the file ${secretPath} is empty`);
    return 'faulty';
  }
  const inFile = file.entries.get(keyOf(setting));
  if (isUnset(inFile)) return undefined;
  const origin = `${keyOf(setting)} in ${file.path}`;
  if (typeof inFile === 'string') return { raw: inFile, origin };
  if (isTextList(inFile)) return { raw: inFile, origin };
  const expected = Array.isArray(inFile) ? 'each entry must be a single value' : 'must not be a mapping';
  faults.push(`${variable} (${origin}): ${expected}`);
  return 'faulty';
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}

/** A missing default file is an empty one; everything else that is wrong with the file becomes a fault. */
function readConfigFile({ env, workingDirectory }: ConfigSource, faults: string[]): ConfigFile {
  const chosen = env[schema.configFile.variable];
  const file = resolve(workingDirectory, chosen?.trim() || schema.configFile.default);
  const nothing = { path: file, entries: new Map<string, unknown>() };
  const fault = (problem: string) => {
    faults.push(`${schema.configFile.variable} (${chosen ? 'environment' : 'default'}): ${problem}`);
    return nothing;
  };

  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = reasonOf(error);
    return !chosen && reason === 'ENOENT' ? nothing : fault(`cannot read ${file} (${reason})`);
  }

  const lines = new LineCounter();
  // The failsafe schema keeps scalars as written, so a token such as 0012 or 1e5 is not turned into a number
  // and every setting is parsed exactly as from the environment. Pretty errors would quote the file's text.
  const document = parseDocument(text, {
    schema: 'failsafe',
    customTags: ['null'],
    prettyErrors: false,
    logLevel: 'error',
    lineCounter: lines,
  });
  const broken = [...document.errors, ...document.warnings];
  for (const { pos, code } of broken) {
    fault(`${file} line ${lines.linePos(pos[0]).line}: not valid YAML (${describeYamlCode(code)})`);
  }
  if (broken.length > 0) return nothing;

  let content: unknown;
  try {
    content = document.toJS();
  } catch (error) {
    // The yaml package throws ReferenceError for an unknown anchor, and for aliases that multiply too far.
    if (!(error instanceof ReferenceError)) throw error;
    const { line, unknown } = aliasAtFault(document, lines);
    const why = unknown
      ? 'an alias has no anchor; put quotes around a value that starts with *'
      : 'too many aliases';
    return fault(`${file} line ${line}: ${why}`);
  }
  if (content === null) return nothing;
  if (typeof content !== 'object' || Array.isArray(content)) {
    return fault(`${file} line 1: the file must be a mapping of settings, such as capgo_user_port: 8000`);
  }

  const entries = new Map<string, unknown>(Object.entries(content));
  for (const key of entries.keys()) {
    if (!settingsByKey.has(key)) fault(`${file}: ${describeUnknownKey(key)}`);
  }
  return { path: file, entries };
}

/** The first alias without anchor, or else the first alias at all. */
function aliasAtFault(document: ReturnType<typeof parseDocument>, lines: LineCounter) {
  let line = 1;
  let unknown = false;
  visit(document, {
    Alias(_key, alias) {
      const position = lines.linePos(alias.range?.[0] ?? 0).line;
      if (line === 1) line = position;
      if (alias.resolve(document) !== undefined) return undefined;
      line = position;
      unknown = true;
      return visit.BREAK;
    },
  });
  return { line, unknown };
}

/** The package's messages may quote the file, and with it a secret; its codes do not. */
function describeYamlCode(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ');
}

const settingsByKey: ReadonlyMap<string, Setting> = new Map(
  settingNames
    .map((name): Setting => schema[name])
    .filter((setting) => !setting.environmentOnly)
    .map((setting) => [keyOf(setting), setting]),
);

function describeUnknownKey(key: string): string {
  const unknown = `unknown key ${quoted(key)}`;
  const variable = key.toUpperCase();
  const secret = settingsByKey.get(key.toLowerCase().replace(/_file$/, ''))?.secret;
  if (variable === schema.configFile.variable || secret) {
    return `${unknown}; ${variable} is only read from the environment`;
  }
  const [nearest] = [...settingsByKey.keys()]
    .map((known) => ({ known, distance: editDistance(key.toLowerCase(), known) }))
    .filter(({ known, distance }) => distance <= known.length / 3)
    .sort((a, b) => a.distance - b.distance);
  return nearest ? `${unknown}, did you mean ${quoted(nearest.known)}?` : unknown;
}

/** Levenshtein: insertions, deletions and replacements of one character. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [row, character] of [...a].entries()) {
    const current = [row + 1];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (character === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

// --- Rules across settings

function samePortFaults(
  values: Partial<Record<SettingName, unknown>>,
  origins: { [N in SettingName]?: string },
): string[] {
  const faults: string[] = [];
  const seen = new Map<unknown, SettingName>();
  for (const name of ['userPort', 'managementPort', 'metricsPort'] as const) {
    const value = values[name];
    if (value === undefined || value === 0) continue;
    const first = seen.get(value);
    if (first === undefined) {
      seen.set(value, name);
      continue;
    }
    const describe = (port: SettingName) => `${schema[port].variable} (${origins[port] ?? 'default'})`;
    faults.push(`${describe(name)}: is ${value}, the same port as ${describe(first)}; choose another`);
  }
  return faults;
}

function halfTlsFaults(origins: { [N in SettingName]?: string }): string[] {
  const { tlsCertFile, tlsKeyFile } = origins;
  if ((tlsCertFile === undefined) === (tlsKeyFile === undefined)) return [];
  const [missing, present] = tlsCertFile === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
  return [
    `TLS_${missing}_FILE: is not set, but TLS_${present}_FILE (${tlsCertFile ?? tlsKeyFile}) is; set both or neither`,
  ];
}

/** What is wrong, or without effect, about where bundles are kept and how devices get them. */
function s3Faults(
  values: Partial<Values>,
  origins: { [N in SettingName]?: string },
): { readonly faults: readonly string[]; readonly warnings: readonly string[] } {
  const faults: string[] = [];
  const warnings: string[] = [];
  const nameOf = (name: SettingName) => `${schema[name].variable} (${origins[name] ?? 'default'})`;
  const { bundleDelivery, publicUrl: ownUrl, cdnBaseUrl } = values;
  const keys = ['awsAccessKeyId', 'awsSecretAccessKey', 'awsSessionToken'] as const;

  if (origins.s3Bucket === undefined) {
    const otherwise = 'set S3_BUCKET to keep bundles in S3, or remove it to keep them under DATA_DIR';
    for (const name of ['s3BaseEndpoint', 's3PublicEndpoint', 'awsRegion', ...keys] as const) {
      if (origins[name] === undefined) continue;
      // The AWS settings are often there for other programs on the same machine.
      if (name.startsWith('aws') && origins[name] === 'environment') {
        warnings.push(
          `${schema[name].variable} is set, but S3_BUCKET is not: bundles are stored under DATA_DIR`,
        );
      } else {
        faults.push(`${nameOf(name)}: is set, but S3_BUCKET is not; ${otherwise}`);
      }
    }
    if (bundleDelivery === 'redirect' || bundleDelivery === 'cdn') {
      faults.push(
        `${nameOf('bundleDelivery')}: is ${bundleDelivery}, but S3_BUCKET is not set, and only out of a bucket can bundles be fetched elsewhere; set S3_BUCKET, or use proxy`,
      );
    }
    return { faults, warnings };
  }

  const [idOrigin, secretOrigin, tokenOrigin] = keys.map((name) => origins[name]);
  if ((idOrigin === undefined) !== (secretOrigin === undefined)) {
    const [missing, present] = idOrigin === undefined ? [keys[0], keys[1]] : [keys[1], keys[0]];
    faults.push(
      `${schema[missing].variable}: is not set, but ${nameOf(present)} is; set both, or neither to use the AWS SDK's credential chain`,
    );
  } else if (tokenOrigin !== undefined && idOrigin === undefined) {
    faults.push(`${nameOf('awsSessionToken')}: is set without the keys it belongs to; set them too`);
  }

  if (bundleDelivery === 'cdn' && origins.cdnBaseUrl === undefined) {
    faults.push(
      'CDN_BASE_URL: is not set, but BUNDLE_DELIVERY is cdn; set it to the URL of the CDN in front of the bucket, or use redirect or proxy',
    );
  }
  if (bundleDelivery !== 'cdn' && cdnBaseUrl !== undefined) {
    warnings.push('CDN_BASE_URL is set, but has no effect unless BUNDLE_DELIVERY is cdn');
  }
  if (bundleDelivery !== 'redirect' && values.s3PublicEndpoint !== undefined) {
    warnings.push('S3_PUBLIC_ENDPOINT is set, but has no effect unless BUNDLE_DELIVERY is redirect');
  }

  const link =
    bundleDelivery === 'cdn'
      ? 'cdnBaseUrl'
      : values.s3PublicEndpoint === undefined
        ? 's3BaseEndpoint'
        : 's3PublicEndpoint';
  const linkUrl = bundleDelivery === 'proxy' ? undefined : values[link];
  if (linkUrl !== undefined && ownUrl !== undefined) {
    const [scheme, ownScheme] = [linkUrl, ownUrl].map((url) => url.slice(0, url.indexOf(':')));
    if (scheme !== ownScheme) {
      faults.push(
        `${nameOf(link)}: is ${scheme}, but PUBLIC_URL is ${ownScheme}, and Android follows no redirect from one to the other; make both ${ownScheme}, or use BUNDLE_DELIVERY=proxy`,
      );
    }
    if (`${linkUrl}/`.startsWith(`${ownUrl}/files/`)) {
      faults.push(
        `${nameOf(link)}: leads back to this server, which would send devices round in a circle; set it to the URL of the CDN in front of the bucket`,
      );
    }
  }
  return { faults, warnings };
}

/** What a connection string names after its hosts, decoded; '' for nothing. */
function databaseIn(connectionString: string): string {
  const path = /^[^:]*:\/\/[^/?]*\/?([^?]*)/.exec(connectionString)?.[1] ?? '';
  return decodeURIComponent(path);
}

/** The database to use; undefined when it is not MongoDB, or nobody says which. */
function mongoDatabaseOf(values: Partial<Record<SettingName, unknown>>): string | undefined {
  const { mongoConnectionString, mongoDatabase, databaseUrl: url } = values;
  if (typeof mongoDatabase === 'string') return mongoDatabase;
  // What older servers took: in their connection string a database only says where users are kept.
  if (mongoConnectionString !== undefined) return defaultMongoDatabase;
  return typeof url === 'string' && isMongoUrl(url) ? databaseIn(url) || undefined : undefined;
}

function mongoFaults(
  values: Partial<Record<SettingName, unknown>>,
  origins: { [N in SettingName]?: string },
): string[] {
  const { mongoDatabase, databaseUrl: url } = values;
  const describe = (name: SettingName) => `${schema[name].variable} (${origins[name]})`;
  if (origins.mongoConnectionString !== undefined) {
    if (origins.databaseUrl === undefined) return [];
    return [
      `${describe('mongoConnectionString')}: is set together with ${describe('databaseUrl')}; set only one of them`,
    ];
  }
  // With a fault of its own, nothing more is known of it.
  if (typeof url !== 'string') return [];
  if (!isMongoUrl(url)) {
    if (origins.mongoDatabase === undefined) return [];
    return [
      `${describe('mongoDatabase')}: has no use without MongoDB; remove it, or set MONGO_CONNECTION_STRING`,
    ];
  }
  const named = databaseIn(url);
  if (named === '' && origins.mongoDatabase === undefined) {
    return [
      `${describe('databaseUrl')}: names no database; add it after the host (mongodb://host/capgo), or set MONGO_DATABASE`,
    ];
  }
  if (named !== '' && typeof mongoDatabase === 'string' && named !== mongoDatabase) {
    return [
      `${describe('mongoDatabase')}: is not the database that ${describe('databaseUrl')} names; remove one of the names`,
    ];
  }
  return [];
}
