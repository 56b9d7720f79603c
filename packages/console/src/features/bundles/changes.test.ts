import { expect, it } from 'vitest';
import { changesOf } from './changes.ts';

const file = (path: string, size: number) => ({ path, size, hash: '', compression: null, download_url: '' });

it('lists what is different by path, with what the new file costs to download', () => {
  const changes = changesOf({
    added: [file('new.js', 7)],
    changed: [{ path: 'index.html', from: file('index.html', 3), to: file('index.html', 5) }],
    removed: [file('old.js', 9)],
  });
  expect(changes).toEqual([
    { kind: 'changed', path: 'index.html', size: 5 },
    { kind: 'added', path: 'new.js', size: 7 },
    { kind: 'removed', path: 'old.js', size: undefined },
  ]);
});
