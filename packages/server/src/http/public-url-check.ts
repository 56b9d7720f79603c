import { lookup } from 'node:dns/promises';
import { BlockList, isIPv6 } from 'node:net';
import type { PublicUrlCheckView, PublicUrlVerdict } from '@capgo-server/protocol/management/server';

const timeoutMs = 5_000;
const maxAnswerBytes = 1_024;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addAddress('0.0.0.0', 'ipv4');
const privateNetworks = new BlockList();
for (const [network, bits] of [
  ...([
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ] as const),
  ...([
    ['169.254.0.0', 16],
    ['100.64.0.0', 10],
  ] as const),
] as const) {
  privateNetworks.addSubnet(network, bits, 'ipv4');
}
privateNetworks.addSubnet('fc00::', 7, 'ipv6');
privateNetworks.addSubnet('fe80::', 10, 'ipv6');

const has = (list: BlockList, address: string) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

/** The code of a system's or TLS error, wherever it is wrapped. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name === 'TimeoutError' ? 'TIMEOUT' : codeOf(error.cause);
}

function failure(error: unknown, url: string): readonly [PublicUrlVerdict, string] {
  const code = codeOf(error);
  const { host, hostname } = new URL(url);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return [
      'unknown_host',
      `No name server knows ${hostname}. Check the spelling of PUBLIC_URL and its DNS record.`,
    ];
  }
  if (code === 'ECONNREFUSED') {
    return ['refused', `Nothing listens at ${host}. Check the port, and that the reverse proxy is up.`];
  }
  if (/TIMEOUT|ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)/.test(code)) {
    return [
      'timeout',
      `${host} did not answer within ${timeoutMs / 1000} seconds. A firewall may be in the way, or this server may not reach its own public address although phones do: try it from a phone.`,
    ];
  }
  if (/CERT|SSL|TLS|ISSUER|SELF_SIGNED/.test(code)) {
    return [
      'certificate',
      `The certificate of ${hostname} is not one that phones trust (${code}): it is expired, self-signed, for another name, or without its intermediate certificate.`,
    ];
  }
  return ['unreachable', `${host} cannot be reached${code === '' ? '' : ` (${code})`}.`];
}

async function isDeviceApi(response: Response): Promise<boolean> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxAnswerBytes) return false;
  }
  try {
    return (JSON.parse(text) as { status?: unknown } | null)?.status === 'ok';
  } catch {
    return false;
  }
}

/** Where the name leads, as far as it says whether phones can follow. */
async function placeOf(url: URL): Promise<'loopback' | 'private' | 'public'> {
  const addresses = await lookup(url.hostname.replace(/^\[|\]$/g, ''), { all: true });
  if (addresses.every(({ address }) => has(loopback, address))) return 'loopback';
  return addresses.every(({ address }) => has(loopback, address) || has(privateNetworks, address))
    ? 'private'
    : 'public';
}

async function judge(url: string, find: typeof placeOf): Promise<readonly [PublicUrlVerdict, string]> {
  const place = await find(new URL(url));
  if (place === 'loopback') {
    return [
      'loopback',
      `${url} leads every phone to itself. Set PUBLIC_URL to a name or address of this machine that phones can reach.`,
    ];
  }
  const response = await fetch(`${url}/updates`, {
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
    headers: { accept: 'application/json' },
  });
  if (response.status >= 300 && response.status < 400) {
    return [
      'redirected',
      `${url} sends its callers on to ${response.headers.get('location') ?? 'elsewhere'}. The plugin's requests do not survive a redirect: set PUBLIC_URL to where it leads.`,
    ];
  }
  if (!response.ok || !(await isDeviceApi(response))) {
    return [
      'other_server',
      `Something answers at ${url} (status ${response.status}), but it is not the device API. Point the reverse proxy at the port of the device API (CAPGO_USER_PORT).`,
    ];
  }
  if (url.startsWith('http:')) {
    return [
      'plain_http',
      `The device API answers at ${url}, but without TLS: Android and iOS refuse plain http unless the app allows it. Put it behind https.`,
    ];
  }
  if (place === 'private') {
    return [
      'private',
      `The device API answers at ${url}, an address of a private network: only phones in that network reach it.`,
    ];
  }
  return ['reachable', `The device API answers at ${url}.`];
}

/**
 * Asks the device API at the address that devices are told, as a phone would, and names what keeps phones from it. Only
 * an address that the operator of the server has set is ever asked.
 *
 * @param publicUrl without slash at its end; undefined when none is set
 * @param find where a name leads; by name servers, unless told otherwise
 */
export async function checkPublicUrl(
  publicUrl: string | undefined,
  find = placeOf,
): Promise<PublicUrlCheckView> {
  if (publicUrl === undefined) {
    return {
      url: null,
      verdict: 'not_set',
      message:
        'PUBLIC_URL is not set, so downloads lead to the address a device asked at. That works when phones reach this server directly; behind a reverse proxy set PUBLIC_URL.',
    };
  }
  const [verdict, message] = await judge(publicUrl, find).catch((error: unknown) =>
    failure(error, publicUrl),
  );
  return { url: publicUrl, verdict, message };
}
