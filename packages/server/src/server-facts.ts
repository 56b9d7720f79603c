import { resolve } from 'node:path';
import serverPackage from '../package.json' with { type: 'json' };
import type { Config } from './config.ts';

/** What `npm run build:console` makes. */
export const consoleFolder = resolve(import.meta.dirname, '../../console/dist');

/** What the server tells operators of itself, as it was configured. */
export function serverFacts(config: Config) {
  const { databaseUrl, s3, bundleDelivery, publicUrl, statsRetentionDays, maxBundleBytes } = config;
  const [scheme = ''] = databaseUrl.split(':', 1);
  return {
    ...{ version: serverPackage.version, runtime: `Node.js ${process.versions.node}`, publicUrl },
    database: scheme.startsWith('postgres') ? 'postgres' : scheme.replace('mongodb+srv', 'mongodb'),
    storage: s3 ? 's3' : 'files',
    delivery: bundleDelivery.kind,
    event_retention_days: statsRetentionDays,
    max_bundle_bytes: maxBundleBytes,
  };
}

/** Whom the console's pages talk to beside the management API: devices' addresses, and who signs people in. */
export function consoleConnections({ oauthIssuer, s3, bundleDelivery }: Config, deviceUrl: string): string[] {
  const cdn = bundleDelivery.kind === 'cdn' ? bundleDelivery.baseUrl : undefined;
  const isRedirecting = bundleDelivery.kind === 'redirect';
  const bucket = isRedirecting ? (s3?.publicEndpoint ?? s3?.baseEndpoint) : undefined;
  const origins = [deviceUrl, oauthIssuer, cdn, bucket].flatMap((url) => (url ? [new URL(url).origin] : []));
  // The bucket's name is part of the host, the region may be.
  return isRedirecting && bucket === undefined ? [...origins, 'https://*.amazonaws.com'] : origins;
}
