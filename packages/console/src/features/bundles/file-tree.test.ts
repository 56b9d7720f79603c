import { expect, it } from 'vitest';
import { fileTree } from './file-tree.ts';

it('puts files into their folders, folders first, with the size of everything below', () => {
  const tree = fileTree([
    { path: 'index.html', size: 1 },
    { path: 'assets/js/app.js', size: 10 },
    { path: 'assets/a.css', size: 5 },
    { path: 'about.html', size: 2 },
  ]);
  expect(tree.map(({ path, size, files }) => [path, size, files])).toEqual([
    ['assets', 15, 2],
    ['about.html', 2, 1],
    ['index.html', 1, 1],
  ]);
  expect(tree[0]?.children?.map(({ name, path }) => [name, path])).toEqual([
    ['js', 'assets/js'],
    ['a.css', 'assets/a.css'],
  ]);
});

it('takes names that objects have for names like any other', () => {
  expect(fileTree([{ path: '__proto__/constructor', size: 3 }])[0]).toMatchObject({
    name: '__proto__',
    size: 3,
  });
});
