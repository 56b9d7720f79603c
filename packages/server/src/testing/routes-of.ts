import type { FastifyInstance } from 'fastify';

export interface PrintedRoute {
  readonly method: string;
  readonly url: string;
}

/** Every route a server really has, as the framework prints them: a tree, in which each line goes on from its parent. */
export async function routesOf(server: FastifyInstance): Promise<PrintedRoute[]> {
  await server.ready();
  const lines = server.printRoutes({ commonPrefix: false }).trimEnd().split('\n');
  const parents: string[] = [];
  return lines.flatMap((line) => {
    const [, indent = '', part, methods] =
      /^((?: {4}|│ {3})*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
    if (part === undefined) throw new Error(`Cannot read the route ${line}`);
    const depth = indent.length / 4;
    // A wildcard is printed without the slash that it stands behind.
    const url = `${depth === 0 ? '' : parents[depth - 1]}${part === '*' ? '/*' : part}`;
    parents.splice(depth, parents.length, url);
    return (methods?.split(', ') ?? []).map((method) => ({ method, url }));
  });
}
