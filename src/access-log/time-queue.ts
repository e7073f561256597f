/** Things that are due at some time: out comes the earliest, of equals the one that came in first. A binary heap. */

type Due<Item> = { readonly atMs: number; readonly order: number; readonly item: Item };

export class TimeQueue<Item> {
  readonly #heap: Due<Item>[] = [];
  #pushed = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Infinity: empty. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  push(atMs: number, item: Item): void {
    const heap = this.#heap;
    const due = { atMs, order: this.#pushed, item };
    this.#pushed += 1;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, due)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = due;
  }

  /** undefined: empty. */
  pop(): Item | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first?.item;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || isBefore(last, child)) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
    return first.item;
  }
}

function isBefore<Item>(a: Due<Item>, b: Due<Item>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
