/** What `work` gives for each item, in the order of the items, `ahead` of them under way at once. Stops working with its consumer. */
export async function* inOrder<Item, Result>(
  items: Iterable<Item>,
  ahead: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const underWay: Promise<Result>[] = [];
  for (const item of items) {
    const started = work(item);
    // It is awaited below, in its turn; until then its failure is nobody's.
    started.catch(() => undefined);
    underWay.push(started);
    if (underWay.length >= ahead) {
      const next = underWay.shift();
      if (next !== undefined) yield await next;
    }
  }
  for (const last of underWay) yield await last;
}
