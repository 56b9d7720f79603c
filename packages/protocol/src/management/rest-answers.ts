import { Type } from 'typebox';
import { text } from './fields.ts';

/** What a change answers that has nothing to show. */
export const RestStatus = Type.Object(
  { status: text('That it was done', 'ok', 'success') },
  { description: 'It was done' },
);

/** Words in an answer that says what was done. */
export const RestMessage = Type.Object(
  {
    status: text('That it was done', 'success'),
    message: text('What was done, for people', 'Bundle 1.0.0 set to channel production'),
  },
  { description: 'It was done' },
);

/** A page of a list, counted from 0. */
export const RestPage = Type.String({
  pattern: '^\\d{1,9}$',
  description: 'Which page, counted from 0; 50 rows a page',
  examples: ['0', '1'],
});

export const RestOk = Type.Object(
  {
    status: text('That the API is there', 'ok'),
    version: Type.Optional(text('The version of the API that was asked for', '2025-10-02')),
    detail: Type.Optional(text('For people', 'The REST API is there')),
  },
  { description: 'The API is there; from capgo_api 2025-10-02 on with its version' },
);

export const RestKo = Type.Object(
  {
    error: text('What went wrong: for programs to who sends capgo_api, for people to others', 'KO'),
    status: Type.Optional(text('That it was not done', 'KO')),
    code: Type.Optional(text('What went wrong, for programs', 'unknown_error')),
    message: Type.Optional(text('What went wrong, for people, to who sends capgo_api', 'KO')),
    moreInfo: Type.Optional(
      Type.Object({}, { description: 'Nothing more, to who sends capgo_api', examples: [{}] }),
    ),
  },
  { description: 'What an error of the server looks like' },
);
