import { describe, expect, it } from 'vitest';
import { baseOf } from './console-files.ts';

describe('the base of the console’s pages', () => {
  it.each([
    ['/ui', './ui/'],
    ['/ui/', './'],
    ['/ui?x=/a/b', './ui/'],
    ['/ui/login', './'],
    ['/ui/apps/com.example.app/bundles', '../../'],
    ['/ui/apps/com.example.app/bundles/', '../../../'],
    ['/ui/apps/a%2Fb/x', '../../'],
    ['//ui/apps/x', '../'],
  ])('of %s is %s, which the browser resolves below whatever prefix a proxy has', (url, base) => {
    expect(baseOf(url)).toBe(base);
    const prefixed = new URL(base, `https://example.com/some/prefix${url.replace(/^\/+/, '/')}`);
    expect(prefixed.pathname).toBe('/some/prefix/ui/');
  });
});
