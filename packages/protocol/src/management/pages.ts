import { Type } from 'typebox';
import { recordIdPattern } from '../formats/identifiers.ts';

/** Id of a record: 24 hex characters. */
export const RecordId = Type.String({
  pattern: recordIdPattern,
  description: 'Id of a record, 24 hex characters',
  examples: ['6560a1f4c0ffee0123456789'],
});

/** What every list takes; numbers are digits in a query string. */
export const listQueryFields = {
  app_id: Type.Optional(Type.String({ description: 'Only what belongs to this app' })),
  limit: Type.Optional(Type.String({ description: 'Most rows of the page, 1 to 1000' })),
  cursor: Type.Optional(Type.String({ description: 'The next_cursor of the page before' })),
};
