import { Readable } from 'node:stream';
import { AuditExportQuery, AuditList, AuditListQuery } from '@capgo-server/protocol/management/audit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type AuditOperation, type AuditTable, auditOperations, auditTables } from '../domain/audit.ts';
import { AppError } from '../domain/errors.ts';
import type { AuditFilter } from '../ports/audit.ts';
import type { Audit } from '../services/audit.ts';
import { toAuditView } from './audit-view.ts';
import {
  appIdParameter,
  listAnswer,
  pageParameters,
  type Query,
  textParameter,
  timeParameter,
} from './page-query.ts';
import type { ManagementRoute } from './route.ts';

const defaultRows = 100;

function oneOfParameter<Word extends string>(
  query: Query,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = textParameter(query, name);
  if (text === undefined) return undefined;
  const word = words.find((each) => each === text);
  if (word === undefined) throw new AppError('invalid_request', `${name} must be one of ${words.join(', ')}`);
  return word;
}

function filterOf(query: Query): AuditFilter {
  return {
    appId: appIdParameter(query),
    actorId: textParameter(query, 'actor'),
    table: oneOfParameter<AuditTable>(query, 'table', auditTables),
    operation: oneOfParameter<AuditOperation>(query, 'operation', auditOperations),
    fromMs: timeParameter(query, 'from'),
    toMs: timeParameter(query, 'to'),
  };
}

export interface AuditRoutesDeps {
  readonly audit: Audit;
}

export function auditRoutes({ audit }: AuditRoutesDeps): readonly ManagementRoute[] {
  async function list(request: FastifyRequest) {
    const query = request.query as Query;
    const page = await audit.list(filterOf(query), pageParameters(query, defaultRows));
    return listAnswer(page, toAuditView);
  }

  /** One JSON text a line, so that neither we nor the reader need hold the whole. */
  async function* linesOf(filter: AuditFilter): AsyncGenerator<string> {
    for await (const entries of audit.export(filter)) {
      yield entries.map((entry) => `${JSON.stringify(toAuditView(entry))}\n`).join('');
    }
  }

  async function exportAll(request: FastifyRequest, reply: FastifyReply) {
    const filter = filterOf(request.query as Query);
    const lines = linesOf(filter);
    // The first lines before the headers, so that a database that is away is told in the usual way.
    const first = await lines.next();
    async function* all(): AsyncGenerator<string> {
      if (first.done) return;
      yield first.value;
      yield* lines;
    }
    return reply
      .header('content-type', 'application/x-ndjson')
      .header('content-disposition', 'attachment; filename="audit.ndjson"')
      .send(Readable.from(all()));
  }

  const tag = 'audit';
  return [
    {
      ...{ method: 'GET', url: '/api/v1/audit.list', permission: 'audit.read', handler: list },
      docs: {
        ...{ operationId: 'auditList', tag, summary: 'Who changed what, newest first' },
        ...{ query: AuditListQuery, answer: AuditList },
      },
    },
    {
      ...{ method: 'GET', url: '/api/v1/audit.export', permission: 'audit.read', handler: exportAll },
      docs: {
        ...{ operationId: 'auditExport', tag, summary: 'The audit log as lines of JSON, newest first' },
        description: 'One entry of `audit.list` a line. An export that breaks off ends without a word.',
        ...{ query: AuditExportQuery, answer: AuditList, answerType: 'application/x-ndjson' },
      },
    },
  ];
}
