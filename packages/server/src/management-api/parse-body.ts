import { Ajv, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';
import { AppError } from '../domain/errors.ts';

const ajv = new Ajv({ allErrors: false });
const validators = new Map<TSchema, ValidateFunction>();

/** The body as its schema promises it, no type coerced. Rejects with `invalid_request`, naming the field. */
export function parseBody<Schema extends TSchema>(schema: Schema, body: unknown): Static<Schema> {
  let isValid = validators.get(schema);
  if (!isValid) {
    isValid = ajv.compile(schema);
    validators.set(schema, isValid);
  }
  if (isValid(body)) return body as Static<Schema>;
  const [fault] = isValid.errors ?? [];
  const field = fault?.instancePath.slice(1).replaceAll('/', '.') ?? '';
  const subject = field === '' ? 'The JSON body' : field;
  const rule =
    fault?.keyword === 'pattern' ? 'must be 24 hex characters' : (fault?.message ?? 'is not valid');
  throw new AppError('invalid_request', `${subject} ${rule}`);
}
