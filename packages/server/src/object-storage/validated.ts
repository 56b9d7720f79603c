import { AppError } from '../domain/errors.ts';
import type { ObjectLinks } from '../ports/object-links.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';

const maxKeyBytes = 1_024;
const maxSegmentBytes = 255;

function isSafeSegment(segment: string): boolean {
  if (segment === '' || segment === '.' || segment === '..') return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be in a key.
  return Buffer.byteLength(segment) <= maxSegmentBytes && !/[\\\u0000-\u001f\u007f]/.test(segment);
}

/** Whether a text can be an object's key on every storage. */
export function isObjectKey(key: string): boolean {
  return Buffer.byteLength(key) <= maxKeyBytes && key.split('/').every(isSafeSegment);
}

function assertKey(key: string): void {
  if (!isObjectKey(key)) throw new AppError('internal', `${JSON.stringify(key)} cannot be an object's key`);
}

/**
 * Guards any storage against keys that would leave it: looking up or reading such a key finds nothing, because keys
 * come from URLs there; writing or removing one is a fault of ours.
 */
export function validated(storage: ObjectStorage): ObjectStorage {
  return {
    ...storage,
    async stage(source) {
      const staged = await storage.stage(source);
      return {
        ...staged,
        async store(key) {
          assertKey(key);
          await staged.store(key);
        },
      };
    },
    async find(key) {
      return isObjectKey(key) ? storage.find(key) : undefined;
    },
    async read(key, range) {
      if (!isObjectKey(key)) throw new AppError('not_found', 'There is no such object');
      return storage.read(key, range);
    },
    async checkOut(key) {
      if (!isObjectKey(key)) throw new AppError('not_found', 'There is no such object');
      return storage.checkOut(key);
    },
    async openWorkspace() {
      const workspace = await storage.openWorkspace();
      return {
        ...workspace,
        async store(files) {
          for (const { key } of files) assertKey(key);
          await workspace.store(files);
        },
      };
    },
    async remove(key) {
      assertKey(key);
      await storage.remove(key);
    },
  };
}

/** Guards any links in the same way: no link leads to what cannot be an object of ours. */
export function validatedLinks(links: ObjectLinks): ObjectLinks {
  return {
    ...links,
    async linkTo(key, method) {
      if (!isObjectKey(key)) throw new AppError('not_found', 'There is no such object');
      return links.linkTo(key, method);
    },
  };
}
