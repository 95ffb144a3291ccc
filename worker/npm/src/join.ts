// Calls of one turn become one call to the outside; each caller gets its own answer.

interface Waiting<Item, Answer> {
  item: Item;
  size: number;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** A way out for calls that may go together. `send` answers each item, in order. */
export interface Lane<Item, Answer> {
  name: string;
  maxItems: number;
  /** All sizes of one call; a larger item goes alone. */
  maxSize: number;
  send(items: Item[]): Promise<Answer[]>;
}

/** By whom calls: what one object waits for must not be awaited by another (nor its I/O be used there). */
const open = new WeakMap<object, Map<string, Waiting<never, never>[]>>();

/** Sends the item with all others of the same owner and lane that come before the next microtask is through. */
export function join<Item, Answer>(owner: object, lane: Lane<Item, Answer>, item: Item, size: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let lanes = open.get(owner);
    if (lanes === undefined) open.set(owner, (lanes = new Map()));
    let waiting = lanes.get(lane.name) as Waiting<Item, Answer>[] | undefined;
    if (waiting === undefined) {
      const list: Waiting<Item, Answer>[] = [];
      const ours = lanes;
      ours.set(lane.name, list as Waiting<never, never>[]);
      queueMicrotask(() => {
        ours.delete(lane.name);
        for (const call of calls(list, lane)) void settle(call, lane);
      });
      waiting = list;
    }
    waiting.push({ item, size, resolve, reject });
  });
}

function calls<Item, Answer>(waiting: Waiting<Item, Answer>[], lane: Lane<Item, Answer>): Waiting<Item, Answer>[][] {
  const calls: Waiting<Item, Answer>[][] = [];
  let call: Waiting<Item, Answer>[] = [];
  let size = 0;
  for (const one of waiting) {
    if (call.length > 0 && (call.length === lane.maxItems || size + one.size > lane.maxSize)) {
      calls.push(call);
      call = [];
      size = 0;
    }
    call.push(one);
    size += one.size;
  }
  if (call.length > 0) calls.push(call);
  return calls;
}

async function settle<Item, Answer>(call: Waiting<Item, Answer>[], lane: Lane<Item, Answer>): Promise<void> {
  try {
    const answers = await lane.send(call.map(({ item }) => item));
    call.forEach(({ resolve }, nth) => resolve(answers[nth] as Answer));
  } catch (error) {
    for (const { reject } of call) reject(error);
  }
}
