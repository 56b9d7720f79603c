import { parseArgs } from 'node:util';
import { formatTimestamp, parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { type Caller, roles } from '../domain/access.ts';
import { type ApiKey, apiKeyMaxId } from '../domain/api-key.ts';
import type { ApiKeys } from '../services/api-keys.ts';

/** What is wrong with a command line, for whoever wrote it. */
export class UsageError extends Error {}

/** Where a command writes: what programs read apart from what is for people. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Whoever can read the server's settings and its database may do everything. */
const commandLine: Caller = {
  ...{ kind: 'management_token', id: 'command-line', name: 'command line', role: 'admin', apps: null },
};

/** How to call it, one line each. */
export const keysUsage = `  keys create     make an API key: --name <name> --role <${roles.join('|')}>
                  [--app <app id>]… [--expires <date>] [--json]
  keys list       [--json]
  keys revoke     <number of the key>
`;

const options = {
  name: { type: 'string' },
  role: { type: 'string' },
  app: { type: 'string', multiple: true },
  expires: { type: 'string' },
  json: { type: 'boolean' },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function describe(key: ApiKey): string {
  const where = key.apps === null ? 'all apps' : key.apps.join(', ');
  const until = key.expiresAtMs === null ? '' : `, until ${formatTimestamp(key.expiresAtMs)}`;
  return `${key.id}  ${key.name}  (${key.role} in ${where}${until})`;
}

function toJson(key: ApiKey, text?: string): string {
  const time = (timeMs: number | null) => (timeMs === null ? null : formatTimestamp(timeMs));
  return JSON.stringify({
    ...{ id: key.id, name: key.name, role: key.role, apps: key.apps, created_by: key.createdBy },
    created_at: time(key.createdAtMs),
    expires_at: time(key.expiresAtMs),
    last_used_at: time(key.lastUsedAtMs),
    ...(text === undefined ? {} : { key: text }),
  });
}

type Command = (open: () => Promise<ApiKeys>, terminal: Terminal) => Promise<void>;

function create(given: ReturnType<typeof parse>): Command {
  const { name, role: roleText, app, expires, json } = given.values;
  if (name === undefined) throw new UsageError('--name is missing');
  const role = roles.find((each) => each === roleText);
  if (!role) throw new UsageError(`--role must be ${roles.join(', ')}`);
  const expiresAtMs = expires === undefined ? null : parseTimestamp(expires);
  if (expiresAtMs === undefined) {
    throw new UsageError('--expires must be a date, or a date-time with zone, such as 2027-01-31');
  }
  return async (open, { out, err }) => {
    const apiKeys = await open();
    const { key, text } = await apiKeys.create({ name, role, apps: app ?? null, expiresAtMs }, commandLine);
    if (json) out(`${toJson(key, text)}\n`);
    else {
      err(`Made API key ${describe(key)}. It is shown this once:\n`);
      out(`${text}\n`);
    }
  };
}

function list(given: ReturnType<typeof parse>): Command {
  return async (open, { out, err }) => {
    const keys = await (await open()).list();
    for (const key of keys) out(`${given.values.json ? toJson(key) : describe(key)}\n`);
    if (keys.length === 0) err('There are no API keys.\n');
  };
}

function revoke(given: ReturnType<typeof parse>): Command {
  const [text = '', ...more] = given.positionals;
  if (!/^[1-9]\d{0,9}$/.test(text) || Number(text) > apiKeyMaxId || more.length > 0) {
    throw new UsageError('Name one key by its number; `capgo-server keys list` tells it');
  }
  return async (open, { err }) => {
    const key = await (await open()).revoke(Number(text), commandLine);
    err(`Revoked API key ${describe(key)}.\n`);
  };
}

const verbs: Readonly<Record<string, (given: ReturnType<typeof parse>) => Command>> = {
  create,
  list,
  revoke,
};

/**
 * `capgo-server keys …`, on the keys that `open` opens, which it does only for a command line without faults. Rejects with
 * `UsageError`, and as the service does.
 */
export async function keys(
  args: readonly string[],
  open: () => Promise<ApiKeys>,
  terminal: Terminal,
): Promise<void> {
  const [verb = '', ...rest] = args;
  const command = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!command) throw new UsageError('keys needs one of: create, list, revoke');
  const given = parse(rest);
  if (verb !== 'revoke' && given.positionals.length > 0) {
    throw new UsageError(`Unexpected argument ${given.positionals[0]}`);
  }
  await command(given)(open, terminal);
}
