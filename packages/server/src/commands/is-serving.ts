import { once } from 'node:events';
import { get as getOverHttp, type IncomingMessage } from 'node:http';
import { get as getOverHttps } from 'node:https';
import type { Config } from '../config.ts';

const timeoutMs = 4_000;

/** Whether the device API of the server with these settings answers on this machine. */
export async function isServing({ userPort, tls }: Pick<Config, 'userPort' | 'tls'>): Promise<boolean> {
  const address = `localhost:${userPort}/_healthz`;
  const options = { signal: AbortSignal.timeout(timeoutMs) };
  // The certificate is made out to the name devices use, which is not localhost.
  const request = tls
    ? getOverHttps(`https://${address}`, { ...options, rejectUnauthorized: false })
    : getOverHttp(`http://${address}`, options);
  try {
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode === 200;
  } catch {
    return false;
  }
}
