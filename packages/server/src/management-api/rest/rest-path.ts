/** The prefix under which the official CLI asks for some of the routes. */
const alias = /^\/functions\/v1(?=\/|$)/;

/** The path of a request as our routes have it: without the alias, and with single slashes. The query stays. */
export function toRoutePath(url: string): string {
  const end = url.search(/[?#]/);
  const path = end < 0 ? url : url.slice(0, end);
  const single = path.replace(/\/{2,}/g, '/').replace(alias, '');
  return (single === '' ? '/' : single) + (end < 0 ? '' : url.slice(end));
}

const nouns = /^\/(apikey|app|bundle|channel|device|ko|ok|organization|statistics|webhooks)([/?#]|$)/;

/** Whether the path is one of the REST API that Capgo documents, which stands at the root beside our own. */
export function isRestPath(path: string): boolean {
  return nouns.test(path);
}
