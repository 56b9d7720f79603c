/** Values that are looked up at once: databases take so many parameters, and no endless number of them. */
const valuesAtOnce = 1_000;

/** The values in lists that one query can hold, each value once. */
export function* inChunks<Value>(values: Iterable<Value>): Generator<Value[]> {
  const all = [...new Set(values)];
  for (let at = 0; at < all.length; at += valuesAtOnce) yield all.slice(at, at + valuesAtOnce);
}
