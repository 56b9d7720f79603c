import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { composeProduct, type Product, portOf } from '../compose.ts';
import { type Config, loadConfig } from '../config.ts';
import type { Clock } from '../ports/clock.ts';
import { answerAsDocumented } from './answers-as-documented.ts';
import { buildZip } from './zip-builder.ts';

export const testToken = 'test-token-0123456789abcdef0123456789';

export interface TestServer {
  readonly product: Product;
  readonly dataDir: string;
  readonly userUrl: string;
  readonly managementUrl: string;
  readonly metricsUrl: string;
  close(): Promise<void>;
}

/**
 * The whole product on free ports, over SQLite in memory and a folder of its own, without jobs and without rate
 * limit unless `env` says otherwise.
 */
export async function startTestServer(
  given: { readonly env?: Readonly<Record<string, string>>; readonly clock?: Clock } = {},
): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capgo-server-test-'));
  const config: Config = loadConfig({
    env: {
      DATABASE_URL: 'sqlite::memory:',
      DATA_DIR: dataDir,
      MANAGEMENT_API_TOKENS: testToken,
      LIMIT_REQUEST_PER_MINUTE: '0',
      LOG_LEVEL: 'silent',
      ...given.env,
    },
    workingDirectory: dataDir,
  });
  const product = await composeProduct(config, pino({ level: config.logLevel }), given.clock);
  const isOfDevices = ({ file }: { readonly file: string }) => file === 'openapi-device.json';
  answerAsDocumented(product.deviceApi, () => product.documents.filter(isOfDevices));
  answerAsDocumented(product.managementApi, () => product.documents.filter((each) => !isOfDevices(each)));
  const apis = [product.deviceApi, product.managementApi, product.metricsApi];
  for (const api of apis) await api.listen({ port: 0, host: '127.0.0.1' });
  const scheme = config.tls ? 'https' : 'http';
  return {
    product,
    dataDir,
    userUrl: `${scheme}://127.0.0.1:${portOf(product.deviceApi)}`,
    managementUrl: `${scheme}://127.0.0.1:${portOf(product.managementApi)}`,
    metricsUrl: `http://127.0.0.1:${portOf(product.metricsApi)}`,
    async close() {
      await Promise.all(apis.map((api) => api.close()));
      await product.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A form for `bundles.upload`; `bundle` is a small valid zip unless given. */
export function bundleForm(
  fields: Record<string, string>,
  bundle?: Uint8Array<ArrayBuffer> | null,
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  if (bundle !== null) {
    const bytes = bundle ?? new Uint8Array(buildZip({ 'index.html': '<!doctype html><title>app</title>' }));
    form.append('bundle', new Blob([bytes]), 'bundle.zip');
  }
  return form;
}
