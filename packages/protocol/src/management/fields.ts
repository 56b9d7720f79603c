import { type TSchema, Type } from 'typebox';

// Every field says what it is and shows an example: the OpenAPI documents are generated from these schemas.

/** The app, wherever one is named. */
export const AppId = Type.String({
  description: 'The app, by its reverse-domain id',
  examples: ['com.example.app'],
});

/** The installation, wherever one is named. */
export const DeviceId = Type.String({
  description: 'The installation: a UUID',
  examples: ['b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11'],
});

export function text(description: string, ...examples: readonly string[]) {
  return Type.String({ description, examples });
}

export function flag(description: string, example = true) {
  return Type.Boolean({ description, examples: [example] });
}

/** A whole number that is not negative. */
export function count(description: string, example = 42) {
  return Type.Integer({ minimum: 0, description, examples: [example] });
}

/** ISO 8601, UTC. */
export function timestamp(description: string) {
  return Type.String({
    format: 'date-time',
    description: `${description}; ISO 8601 in UTC`,
    examples: ['2026-01-31T12:00:00.000Z'],
  });
}

export function day(description: string) {
  return Type.String({
    pattern: '^\\d{4}-\\d{2}-\\d{2}$',
    description: `${description}; a UTC day`,
    examples: ['2026-01-31'],
  });
}

/** A value, or null for none. Described by what the value says of itself. */
export function nullable<Schema extends TSchema>(schema: Schema) {
  const { description, examples } = schema as { description?: string; examples?: readonly unknown[] };
  return Type.Union([schema, Type.Null()], {
    ...(description === undefined ? {} : { description }),
    ...(examples === undefined ? {} : { examples }),
  });
}

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(words: Words, description: string) {
  return Type.Enum([...words] as Words[number][], { description, examples: [words[0]] });
}

/** The answer of a change that has nothing to show. */
export function messageAnswer(message: string) {
  return Type.Object({ message: text('What was done, for people', message) }, { description: message });
}
