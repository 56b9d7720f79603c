import type { Bundle } from '../../domain/bundle.ts';
import type { Page, PageRequest } from '../../ports/page.ts';
import type { Store } from '../../ports/store.ts';
import { nextId } from '../../testing/builders.ts';

/** A store made for a test, over data of its own. */
export interface OpenedStore {
  readonly store: Store;
  /** Closes the store and opens the same data again; left out by an engine whose data ends with it. */
  reopen?(): Promise<Store>;
  /** Closes what is open and removes the data. */
  destroy(): Promise<void>;
}

export type OpenStore = () => Promise<OpenedStore>;

/** An app that no other test uses, so that tests can share a store. */
export function newAppId(): string {
  return `com.example.app${Number.parseInt(nextId(), 16)}`;
}

/** The key of a bundle that is ours to store. */
export function objectKeyOf({ objectKey }: Pick<Bundle, 'objectKey'>): string {
  if (objectKey === null) throw new Error('The bundle has no object');
  return objectKey;
}

const maxPages = 10_000;

/** Reads a list to its end, page by page. */
export async function readPages<Item>(
  list: (page: PageRequest) => Promise<Page<Item>>,
  limit: number,
): Promise<Item[][]> {
  const pages: Item[][] = [];
  let cursor: string | undefined;
  do {
    const page: Page<Item> = await list({ limit, cursor });
    pages.push([...page.items]);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && pages.length < maxPages);
  if (cursor !== undefined) throw new Error(`The list has not ended after ${maxPages} pages`);
  return pages;
}

/** Which of several calls made at the same time succeeded, and with what codes the others were refused. */
export async function outcomesOf(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(calls);
  return settled.map((call) => (call.status === 'fulfilled' ? 'done' : (call.reason.code ?? call.reason)));
}
