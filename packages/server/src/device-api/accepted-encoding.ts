import type { Encoding } from './manifest-answers.ts';

/** What we compress with, the best first. */
const offered = ['br', 'gzip'] as const satisfies readonly Encoding[];

/** Headers that were read before: few kinds of clients ask. */
const known = new Map<string, Encoding>();
const maxKnown = 200;

/** The weight of a coding in `Accept-Encoding` (RFC 9110 §12.5.3); undefined when it is not named. */
function weightOf(codings: ReadonlyMap<string, number>, name: string): number {
  return codings.get(name) ?? codings.get('*') ?? 0;
}

function parse(header: string): Encoding {
  const codings = new Map<string, number>();
  for (const part of header.split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
    const weight = quality === undefined ? 1 : Number(quality);
    if (name !== '') codings.set(name === 'x-gzip' ? 'gzip' : name, Number.isFinite(weight) ? weight : 0);
  }
  let best: Encoding = 'identity';
  let bestWeight = 0;
  for (const name of offered) {
    const weight = weightOf(codings, name);
    if (weight > bestWeight) [best, bestWeight] = [name, weight];
  }
  // Unless it says that it would rather have it as it is.
  return (codings.get('identity') ?? 0) > bestWeight ? 'identity' : best;
}

/** What the client would have the answer compressed with; without a word of it nothing. */
export function acceptedEncoding(header: string | undefined): Encoding {
  if (header === undefined || header.length > 500) return 'identity';
  const found = known.get(header);
  if (found) return found;
  const encoding = parse(header);
  if (known.size >= maxKnown) known.clear();
  known.set(header, encoding);
  return encoding;
}
