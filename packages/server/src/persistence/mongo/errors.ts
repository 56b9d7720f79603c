import {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb';
import { AppError } from '../../domain/errors.ts';

const duplicateKey = 11000;
/** `IndexOptionsConflict` and `IndexKeySpecsConflict`. */
const indexConflictCodes: ReadonlySet<unknown> = new Set([85, 86]);
/** What a full disk is called by MongoDB (`OutOfDiskSpace`) and by Atlas when its quota is used up. */
const diskFullCodes: ReadonlySet<unknown> = new Set([14031, 8000]);
/** What the database says is wrong, where it helps to say more than that it refuses. */
const refusals: Readonly<Record<string, string>> = {
  13: 'MongoDB does not let the user read and write the database; give it the role readWrite',
  18: 'MongoDB refuses the user or the password of its connection string; check both',
};
const diskFullWords = /no space left|disk (space )?is full|out of disk space|space quota/i;

/** Whether everything that was wrong is that something was there already. */
export function isDuplicateKey(error: unknown): boolean {
  if (error instanceof MongoBulkWriteError) {
    const each = [error.writeErrors].flat();
    return (
      each.length > 0 &&
      each.every(({ code }) => code === duplicateKey) &&
      !error.result.getWriteConcernError()
    );
  }
  return error instanceof MongoServerError && error.code === duplicateKey;
}

/** Whether there is an index of the same fields or the same name already, which differs in something else. */
export function isIndexConflict(error: unknown): boolean {
  return error instanceof MongoServerError && indexConflictCodes.has(error.code);
}

/** What Node says, and no system call, of a socket whose other end is gone. */
const closedSocketCodes: ReadonlySet<unknown> = new Set([
  'EPIPE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'ERR_SOCKET_CLOSED',
]);

/** Whether the database could not be reached; a connection that is cut at a bad moment leaves the system's own error. */
export function isOutage(error: unknown): boolean {
  if (error instanceof MongoServerSelectionError || error instanceof MongoNetworkError) return true;
  return (
    error instanceof Error && ('syscall' in error || ('code' in error && closedSocketCodes.has(error.code)))
  );
}

/**
 * The errors of the driver in our words. Every query is our own, so what is refused can only mean that the database
 * cannot be used now. The driver's message can name hosts and values, so it stays the cause.
 */
export function translateError(error: unknown): unknown {
  if (!(error instanceof MongoError) && !isOutage(error)) return error;
  if (
    error instanceof MongoServerError &&
    (diskFullCodes.has(error.code) || diskFullWords.test(error.message))
  ) {
    return new AppError('insufficient_storage', 'The disk of MongoDB is full', { cause: error });
  }
  const refusal = error instanceof MongoServerError ? refusals[String(error.code)] : undefined;
  const message = isOutage(error) ? 'MongoDB cannot be reached' : refusal;
  return new AppError('unavailable', message ?? 'MongoDB does not do what it is asked to do', {
    cause: error,
  });
}
