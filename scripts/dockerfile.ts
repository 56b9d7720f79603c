/** One instruction of a Dockerfile: `COPY --from=build a b` is `{ name: 'COPY', flags: { from: 'build' }, rest: 'a b' }`. */
interface Instruction {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly rest: string;
}

/** The instructions of a Dockerfile, without comments, continued lines joined. Here-documents are not understood. */
export function parseDockerfile(text: string): Instruction[] {
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  const joined = lines.join('\n').replaceAll(/\\\n\s*/g, '');
  return joined.split('\n').flatMap((line) => {
    const [, name, flagText = '', rest = ''] =
      /^\s*([A-Z]+)\s+((?:--[a-z-]+=\S+\s+)*)(.*)$/.exec(line.trimEnd()) ?? [];
    if (name === undefined) {
      if (line.trim() !== '') throw new Error(`Not understood in the Dockerfile: ${line}`);
      return [];
    }
    const flags = Object.fromEntries(
      flagText
        .split(/\s+/)
        .filter(Boolean)
        .map((flag) => flag.slice(2).split(/=(.*)/, 2) as [string, string]),
    );
    return [{ name, flags, rest }];
  });
}

/** The words of an instruction in exec form, `["a", "b"]`; throws for the shell form. */
export function parseExecForm(rest: string): string[] {
  const words: unknown = rest.startsWith('[') ? JSON.parse(rest) : undefined;
  if (!Array.isArray(words)) {
    throw new Error(`Needs the exec form, or a shell stands between Docker and Node: ${rest}`);
  }
  return words.map(String);
}

/**
 * Whether a file or a folder of the build context is kept from the build: the last pattern that matches it, or a folder
 * above it, decides. A folder is not, as long as an exception names something in it.
 */
export function createIgnore(dockerignore: string): (path: string) => boolean {
  const patterns = dockerignore
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isException = line.startsWith('!');
      const pattern = isException ? line.slice(1) : line;
      const source = pattern
        .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll(/\*\*\/|\*|\?/g, (wildcard) =>
          wildcard === '**/' ? '(?:.*/)?' : wildcard === '*' ? '[^/]*' : '[^/]',
        );
      return { isException, pattern, expression: new RegExp(`^${source}(?:/|$)`) };
    });
  return (path) => {
    let isIgnored = false;
    for (const { isException, pattern, expression } of patterns) {
      if (expression.test(path)) isIgnored = !isException;
      else if (isException && pattern.startsWith(`${path}/`)) isIgnored = false;
    }
    return isIgnored;
  };
}
