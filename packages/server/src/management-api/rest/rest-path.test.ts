import { expect, it } from 'vitest';
import { isRestPath, toRoutePath } from './rest-path.ts';

it.each([
  ['/bundle', '/bundle'],
  ['/bundle/', '/bundle/'],
  ['//bundle//metadata', '/bundle/metadata'],
  ['/functions/v1/app/com.example.app', '/app/com.example.app'],
  ['//functions//v1//bundle/?app_id=a//b', '/bundle/?app_id=a//b'],
  ['/functions/v1', '/'],
  ['/functions/v1?x=/functions/v1/y', '/?x=/functions/v1/y'],
  ['/functions/v1x/bundle', '/functions/v1x/bundle'],
  ['/bundle?url=https://example.com//a', '/bundle?url=https://example.com//a'],
])('%s is the route %s', (url, expected) => {
  expect(toRoutePath(url)).toBe(expected);
});

it.each([
  ['/bundle', true],
  ['/apikey', true],
  ['/app/com.example.app', true],
  ['/bundle?app_id=com.example.app', true],
  ['/bundles', false],
  ['/', false],
  ['/api/v1/bundles.list', false],
  ['/apipublic/v1/oauth2.config', false],
  ['/ui', false],
  ['/ui/devices', false],
  ['/docs', false],
  ['/openapi.json', false],
  ['/_readyz?x', false],
])('%s is of the REST API: %s', (path, expected) => {
  expect(isRestPath(path)).toBe(expected);
});
