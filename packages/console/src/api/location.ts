/**
 * The folder of the console as the browser reached it, `/ui/` or below whatever prefix a proxy has put before it. The
 * server writes it into the page, relative to the page's own address.
 */
const consoleUrl = new URL('./', document.baseURI);

/** Where the router starts, without a slash at its end. */
export const basePath = consoleUrl.pathname.replace(/\/$/, '');

/** The address of the management API, which stands beside the console. */
export function apiUrl(path: string): string {
  return new URL(`..${path}`, consoleUrl).href;
}

/** The address of one of the console's own pages, for whom it has to be absolute. */
export function pageUrl(path: string): string {
  return new URL(path, consoleUrl).href;
}
