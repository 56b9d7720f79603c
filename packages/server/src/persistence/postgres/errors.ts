import { DatabaseError } from 'pg';
import { AppError } from '../../domain/errors.ts';

/** What the database says is wrong, by SQLSTATE, where it helps to say more than that it is out of reach. */
const unavailable: Readonly<Record<string, string>> = {
  '25006': 'The database is read-only',
  '28000': 'The database refuses the user of its URL; check the user, and who may connect from where',
  '28P01': 'The database refuses the user or the password of its URL; check both',
  '3D000': 'The database that the URL names does not exist; create it, or check the name',
  '53300': 'The database has no connection left; raise its max_connections or run fewer nodes',
  '55P03': 'The database is busy',
  '57014': 'The database takes too long',
  '57P03': 'The database is starting or stopping',
};

/**
 * Classes of SQLSTATE that say "not now", as opposed to "never like this": connection, resources, locks and operator,
 * system, and what ends a transaction that is idle.
 */
const unavailableClasses = /^(08|53|57|58|XX00[12]|25P0[34])/;

/** Two that waited for each other, or one that wrote what the other one had read: it works when it is done again. */
const rivalries = new Set(['40001', '40P01']);

export function isRivalry(error: unknown): boolean {
  return error instanceof DatabaseError && rivalries.has(error.code ?? '');
}

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '23505';
}

/** What the system says of each address of a host, in one error that has words. */
function withWords(error: unknown): unknown {
  return error instanceof AggregateError && error.message === '' ? (error.errors[0] ?? error) : error;
}

/** An error of a connection or a query in our words, unless it is about the query itself. */
export function translate(error: unknown): unknown {
  if (error instanceof AppError || error instanceof TypeError || error instanceof RangeError) return error;
  const cause = withWords(error);
  if (!(error instanceof DatabaseError)) {
    return new AppError('unavailable', 'The database cannot be reached', { cause });
  }
  const code = error.code ?? '';
  if (code === '53100') {
    return new AppError('insufficient_storage', 'The disk of the database is full', { cause });
  }
  const message = unavailable[code];
  if (message !== undefined || unavailableClasses.test(code)) {
    return new AppError('unavailable', message ?? 'The database refuses work right now', { cause });
  }
  return error;
}
