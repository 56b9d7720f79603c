import { expect } from 'vitest';

/** What a page prints for "and more that is not shown". */
const more = '…';
/** Amounts that depend on how a zip program packs. */
const sizes: ReadonlySet<string> = new Set(['storage', 'bandwidth', 'size']);

/** Texts that are others on each server, and what stands for them. */
const variables: readonly (readonly [kind: string, pattern: string])[] = [
  ['uuid', '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'],
  ['sha256', '\\b[0-9a-f]{64}\\b'],
  ['id', '\\b[0-9a-f]{24}\\b'],
  ['time', '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z'],
  ['day', '\\d{4}-\\d\\d-\\d\\d'],
];
const variable = new RegExp(variables.map(([kind, pattern]) => `(?<${kind}>${pattern})`).join('|'), 'g');

function kindOf(groups: Readonly<Record<string, string | undefined>>): string {
  return Object.keys(groups).find((kind) => groups[kind] !== undefined) ?? '';
}

interface Found {
  readonly kind: string;
  readonly text: string;
}

function variablesOf(text: string): readonly Found[] {
  return [...text.matchAll(variable)].map(({ 0: found, groups = {} }) => {
    return { kind: kindOf(groups), text: found };
  });
}

const withoutVariables = (text: string) =>
  text.replaceAll(variable, (_found, ...rest) => `<${kindOf(rest.at(-1) as Record<string, string>)}>`);

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Compares an answer with the one that a page prints: same fields, same values, in the same order. What differs from server
 * to server must be of the same kind, and the same where the page has the same. `…` stands for what the page leaves out.
 */
export class PrintedAnswers {
  readonly #actualOf = new Map<string, string>();

  /** What the server answered where the page prints an id, a key or a checksum. */
  inPlace(script: string): string {
    return [...this.#actualOf].reduce((text, [printed, actual]) => text.replaceAll(printed, actual), script);
  }

  /** Fails where the answer is not what is printed. */
  compare(actual: unknown, printed: unknown): void {
    const learned = new Map(this.#actualOf);
    this.#compare(actual, printed, '$', learned);
    for (const [from, to] of learned) this.#actualOf.set(from, to);
  }

  #compare(actual: unknown, printed: unknown, path: string, learned: Map<string, string>): void {
    if (printed === more) return;
    if (Array.isArray(printed)) {
      expect(actual, path).toBeInstanceOf(Array);
      const items = actual as readonly unknown[];
      const isOpen = printed.at(-1) === more;
      const shown = isOpen ? printed.slice(0, -1) : printed;
      if (isOpen) expect(items.length, path).toBeGreaterThanOrEqual(shown.length);
      else expect(items, path).toHaveLength(shown.length);
      for (const [index, item] of shown.entries()) {
        this.#compare(items[index], item, `${path}[${index}]`, learned);
      }
    } else if (isRecord(printed)) {
      expect(isRecord(actual), path).toBe(true);
      const fields = actual as Readonly<Record<string, unknown>>;
      const shown = Object.keys(printed).filter((name) => name !== more);
      if (more in printed) expect(Object.keys(fields), path).toEqual(expect.arrayContaining(shown));
      else expect(Object.keys(fields).toSorted(), path).toEqual(shown.toSorted());
      for (const name of shown) {
        const isSize = sizes.has(name) && Number(printed[name]) > 0;
        if (isSize) expect(fields[name], `${path}.${name}`).toBeGreaterThan(0);
        else this.#compare(fields[name], printed[name], `${path}.${name}`, learned);
      }
    } else if (typeof printed === 'string' && typeof actual === 'string') {
      this.#compareTexts(actual, printed, path, learned);
    } else {
      expect(actual, path).toEqual(printed);
    }
  }

  #compareTexts(actual: string, printed: string, path: string, learned: Map<string, string>): void {
    expect(withoutVariables(actual), path).toBe(withoutVariables(printed));
    const found = variablesOf(actual);
    for (const [index, { kind, text }] of variablesOf(printed).entries()) {
      const now = found[index]?.text ?? '';
      // Times go on, and a page cannot print the same one twice and mean it.
      if (kind === 'time' || kind === 'day') continue;
      expect(now, path).toBe(learned.get(text) ?? now);
      learned.set(text, now);
    }
  }
}
