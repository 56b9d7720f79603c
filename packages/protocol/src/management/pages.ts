import { type TSchema, Type } from 'typebox';
import { recordIdPattern } from '../formats/identifiers.ts';
import { AppId } from './fields.ts';

/** Id of a record: 24 hex characters. */
export const RecordId = Type.String({
  pattern: recordIdPattern,
  description: 'Id of a record, 24 hex characters',
  examples: ['6560a1f4c0ffee0123456789'],
});

/** Id of a record, by what it is of. */
export function recordIdOf(description: string) {
  return Type.String({
    pattern: recordIdPattern,
    description: `${description}, 24 hex characters`,
    examples: ['6560a1f4c0ffee0123456789'],
  });
}

/** What every list takes to be read in pages; numbers are digits in a query string. */
export const pageFields = {
  limit: Type.Optional(
    Type.String({
      description: 'Most rows of the page, 1 to 1000',
      pattern: '^\\d{1,4}$',
      examples: ['100'],
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      description: 'The next_cursor of the page before',
      examples: ['MTc2OTg2MDgwMDAwMC42NTYwYTFmNGMwZmZlZTAxMjM0NTY3ODk'],
    }),
  ),
};

/** What a list takes that may be of one app or of all. */
export const listQueryFields = {
  app_id: Type.Optional(
    Type.String({ description: 'Only what belongs to this app', examples: ['com.example.app'] }),
  ),
  ...pageFields,
};
export const ListQuery = Type.Object(listQueryFields);

/** The query of a list that is of one app. */
export const AppListQuery = Type.Object({ app_id: AppId, ...pageFields });

/** A page of a list. */
export function pageOf<Item extends TSchema>(item: Item, description: string) {
  return Type.Object(
    {
      data: Type.Array(item, { description }),
      next_cursor: Type.Optional(
        Type.String({
          description: 'There while there is more: the cursor of the next page',
          examples: ['MTc2OTg2MDgwMDAwMC42NTYwYTFmNGMwZmZlZTAxMjM0NTY3ODk'],
        }),
      ),
    },
    { description: `A page: ${description}` },
  );
}
