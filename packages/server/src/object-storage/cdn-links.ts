import type { ObjectLinks } from '../ports/object-links.ts';

/** Short, so that another CDN is used soon after the setting was changed. */
const linkKeepSeconds = 300;

/**
 * Links to a CDN that has the bucket behind it; nothing is looked up, since the CDN may have what the storage cannot
 * give right now.
 *
 * @param baseUrl without a trailing slash
 */
export function createCdnLinks(baseUrl: string): ObjectLinks {
  return {
    linkTo: async (key) => `${baseUrl}/${key.split('/').map(encodeURIComponent).join('/')}`,
    keepSeconds: linkKeepSeconds,
  };
}
