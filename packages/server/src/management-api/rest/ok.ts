import { parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { RestKo, RestOk } from '@capgo-server/protocol/management/rest-answers';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ManagementRoute } from '../route.ts';
import { RestError } from './rest-error.ts';
import { isRestPath } from './rest-path.ts';

const defaultVersion = '2025-10-01';
/** From this version of that API on `/ok` says which one it is. */
const tellingVersion = '2025-10-02';

/** The version of that API that a request asks for; those before the first one are the first one. */
function apiVersion({ headers }: Pick<FastifyRequest, 'headers'>): string {
  const given = headers['capgo_api'];
  if (given === undefined) return defaultVersion;
  const [, day] = /^\s*(\d{4}-\d{2}-\d{2})/.exec(String(given)) ?? [];
  if (day === undefined || parseTimestamp(day) === undefined) {
    throw new RestError('invalid_capgo_api_version', 'capgo_api must be a date such as 2025-10-01');
  }
  return day;
}

/** Refuses requests of the REST API that ask for a version that is none. */
export function checkApiVersion(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: (error?: Error) => void,
): void {
  try {
    if (isRestPath(request.url)) apiVersion(request);
    done();
  } catch (error) {
    done(error as Error);
  }
}

/** Whether the API is there; no key is asked for. */
export function okRoutes(): readonly ManagementRoute[] {
  const ok = async (request: FastifyRequest) => {
    const version = apiVersion(request);
    return version < tellingVersion
      ? { status: 'ok' }
      : { status: 'ok', version, detail: 'The REST API is there' };
  };
  const docs = { tag: 'health', answer: RestOk };
  return [
    {
      ...{ method: 'GET', url: '/ok', permission: 'public', handler: ok },
      docs: { ...docs, operationId: 'getOk', summary: 'Whether the API is there' },
    },
    {
      ...{ method: 'POST', url: '/ok', permission: 'public', handler: ok },
      docs: { ...docs, operationId: 'postOk', summary: 'Whether the API is there' },
    },
    {
      ...{ method: 'POST', url: '/ko', permission: 'public' },
      handler: async () => {
        throw new RestError('unknown_error', 'KO', { status: 500 });
      },
      docs: {
        ...{ operationId: 'postKo', tag: 'health', summary: 'What an error of the server looks like' },
        description: 'Answers 500, always: for clients that want to see what they do then.',
        ...{ answer: RestKo, answerStatus: 500 },
      },
    },
  ];
}
