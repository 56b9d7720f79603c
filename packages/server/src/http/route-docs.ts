import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import type { TSchema } from 'typebox';

/** A code that is no code of ours, with its status: APIs that follow somebody else's documentation have some. */
interface ForeignError {
  readonly code: string;
  readonly status: number;
}

/**
 * What the documentation says of a route; requests are checked by their handlers, which know the order and the words.
 * Every field of every schema has a `description` and `examples`: OpenAPI documents are generated from it.
 */
export interface RouteDocs {
  /** Unique, a verb and a noun: `listBundles`. */
  readonly operationId: string;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  /** The noun it belongs to. */
  readonly tag: string;
  readonly query?: TSchema;
  readonly params?: TSchema;
  readonly body?: TSchema;
  /** The media type of the body when it is not JSON. */
  readonly bodyType?: 'multipart/form-data';
  /** Whether a request may do without the body. */
  readonly isBodyOptional?: boolean;
  /** What it answers when all went well; null for an answer without a body. */
  readonly answer: TSchema | null;
  /** What it then answers to a caller that sends `capgo_api`, where that is something else. */
  readonly hostedAnswer?: TSchema;
  /** The media type of the answer when it is not JSON. */
  readonly answerType?: string;
  /** Its status, when that is not 200. */
  readonly answerStatus?: number;
  /** Further statuses that are no errors, each with what it means. */
  readonly otherAnswers?: Readonly<Record<number, string>>;
  /** Refusals that are its own; those that any route can answer are documented without being named. */
  readonly errors?: readonly (ErrorCode | ForeignError)[];
}

/** A route as the documentation knows it. */
export interface DocumentedRoute {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly docs: RouteDocs;
}
