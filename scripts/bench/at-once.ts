/** Does something with each item, with so many at a time: a database with few connections makes others wait in vain. */
export async function forEachAtOnce<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item, index: number) => Promise<unknown>,
): Promise<void> {
  const left = items.entries();
  async function workInTurn(): Promise<void> {
    for (const [index, item] of left) await work(item, index);
  }
  await Promise.all(Array.from({ length: atOnce }, workInTurn));
}
