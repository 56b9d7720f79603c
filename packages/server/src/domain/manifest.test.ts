import { expect, it } from 'vitest';
import { buildEntry, buildFile } from '../testing/builders.ts';
import { packManifest, sizeOfObject } from './manifest.ts';

const many = Array.from({ length: 1_200 }, (_each, index) => buildFile({ sizeBytes: 1_000 + index }));
const sizesIn = (entries: Parameters<typeof packManifest>[1]) => {
  const manifest = packManifest('0'.repeat(24), entries);
  return (objectKey: string) => sizeOfObject(manifest, objectKey);
};

it('a manifest tells the size of what lies at an object key, in whichever part it is', () => {
  const sizeOf = sizesIn(many.map((file) => buildEntry(file)));
  for (const file of [many[0], many[499], many[500], many[1_199]]) {
    expect(sizeOf(file?.objectKey ?? '')).toBe(file?.sizeBytes);
  }
});

it('a manifest knows no size of what is only part of a key, or of none', () => {
  const [file = buildFile()] = many;
  const sizeOf = sizesIn([buildEntry(file)]);
  for (const key of ['', file.objectKey.slice(1), file.objectKey.slice(0, -1), `${file.objectKey}0`]) {
    expect(sizeOf(key)).toBeUndefined();
  }
});

it('a name or a hash that looks like the end of an entry changes no size', () => {
  const [file = buildFile()] = many;
  const like = `x,"${file.objectKey}",5]`;
  const entry = buildEntry(file);
  const sizeOf = sizesIn([
    { ...entry, fileName: like, hash: like },
    { ...entry, fileName: file.objectKey, hash: file.objectKey, objectKey: `${file.objectKey}-other` },
    entry,
  ]);
  expect(sizeOf(file.objectKey)).toBe(file.sizeBytes);
});
