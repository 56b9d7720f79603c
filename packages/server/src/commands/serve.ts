import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import { composeProduct, type Product, portOf } from '../compose.ts';
import type { Config } from '../config.ts';
import { startScheduler } from '../jobs/scheduler.ts';

/** A stop that takes longer is cut off, so that the process ends before an orchestrator kills it. */
const maxStopMs = 8_000;
const closeIdleEveryMs = 50;

export interface RunningServer {
  readonly userPort: number;
  readonly managementPort: number;
  readonly metricsPort: number;
  /**
   * Stops accepting, finishes requests and jobs in flight (for 8 s at most), writes what waits to be written and closes.
   * Calls after the first wait for the same end.
   */
  stop(): Promise<void>;
}

/** Listens on every address of the machine, IPv6 included where there is any. */
async function listen(server: FastifyInstance, port: number): Promise<void> {
  try {
    await server.listen({ port, host: '::' });
  } catch (error) {
    const hasNoIpv6 = error instanceof Error && 'code' in error && error.code === 'EAFNOSUPPORT';
    if (!hasNoIpv6) throw error;
    await server.listen({ port, host: '0.0.0.0' });
  }
}

async function closeApis(apis: readonly FastifyInstance[], logger: Logger): Promise<void> {
  const closed = Promise.all(apis.map((api) => api.close()));
  // A connection that was busy when the stop began would otherwise be kept for the client's next request.
  const closingIdle = setInterval(() => {
    for (const api of apis) api.server.closeIdleConnections();
  }, closeIdleEveryMs);
  const cutOff = setTimeout(() => {
    logger.warn({ event: 'stop_cut_off' }, `requests still in flight after ${maxStopMs} ms were cut off`);
    for (const api of apis) api.server.closeAllConnections();
  }, maxStopMs);
  await closed;
  clearInterval(closingIdle);
  clearTimeout(cutOff);
}

function greet(product: Product, config: Config, managementPort: number): void {
  if (product.newToken === undefined) return;
  const scheme = config.tls ? 'https' : 'http';
  process.stdout.write(
    `\n  Console:          ${scheme}://localhost:${managementPort}/ui\n` +
      `  Management token: ${product.newToken}\n\n` +
      `  The token is shown this once and kept in ${config.dataDir}/management-token.\n\n`,
  );
}

/**
 * Starts everything; when it resolves, all three ports are open. Rejects, with nothing left open, when one cannot be.
 *
 * @param stopSignal ends waiting for a database that is not there yet
 */
export async function startServer(config: Config, stopSignal?: AbortSignal): Promise<RunningServer> {
  const logger = pino({ level: config.logLevel, timestamp: pino.stdTimeFunctions.isoTime });
  for (const warning of config.warnings) logger.warn({ event: 'configuration' }, warning);
  const product = await composeProduct(config, logger, undefined, stopSignal);
  const apis = [product.deviceApi, product.managementApi, product.metricsApi];
  const ports = [config.userPort, config.managementPort, config.metricsPort];
  try {
    // One after the other: the management API needs the device API's real port for its download URLs.
    for (const [index, api] of apis.entries()) await listen(api, ports[index] ?? 0);
  } catch (error) {
    await Promise.allSettled(apis.map((api) => api.close()));
    await product.close();
    throw error;
  }
  const scheduler = startScheduler(product.jobs, logger);

  const userPort = portOf(product.deviceApi);
  const managementPort = portOf(product.managementApi);
  const metricsPort = portOf(product.metricsApi);
  greet(product, config, managementPort);
  // Whatever the log level: it is how a program that started us learns the ports.
  const announcer = logger.child({}, { level: 'info' });
  announcer.info({ event: 'listening', userPort, managementPort, metricsPort }, 'capgo-server is listening');

  let stopping: Promise<void> | undefined;
  async function stop(): Promise<void> {
    logger.info({ event: 'stopping' }, 'stopping');
    await Promise.all([closeApis(apis, logger), scheduler.stop(maxStopMs)]);
    // Requests wait for their commits, so with the last request the last event is written.
    await product.close();
    logger.info({ event: 'stopped' }, 'stopped');
  }
  return {
    userPort,
    managementPort,
    metricsPort,
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** Runs the server until SIGTERM or SIGINT; resolves when it has stopped. */
export async function serve(config: Config): Promise<void> {
  const stop = new AbortController();
  const signalled = once(stop.signal, 'abort');
  // Not once: a terminal and npm can both pass on the same Ctrl-C, and an unheard second one would kill the stop.
  process.on('SIGTERM', () => stop.abort());
  process.on('SIGINT', () => stop.abort());
  let server: RunningServer;
  try {
    server = await startServer(config, stop.signal);
  } catch (error) {
    // Told to stop while it waited for its database: nothing is left to be stopped.
    if (stop.signal.aborted) return;
    throw error;
  }
  await signalled;
  await server.stop();
}
