import { Unavailable } from '../errors.ts';

interface Entry<Item, Result> {
  readonly item: Item;
  readonly key: string;
  /** On the process's monotonic clock, in milliseconds. */
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

interface Options<Item, Result> {
  /** Commits a batch as one, and gives a result for each item, in their order. */
  readonly commit: (batch: readonly Item[]) => Promise<readonly Result[]>;
  /** Items of one key never share a batch: the later one sees what the earlier one did. */
  readonly keyOf: (item: Item) => string;
  /** Whether an item of a broken batch may succeed alone: not when the database is gone. */
  readonly isolates: (error: unknown) => boolean;
  readonly maxBatch: number;
  /** What an item costs in memory, and what all that wait may cost together: beyond it further ones are refused at once. */
  readonly sizeOf: (item: Item) => number;
  readonly maxWaitingSize: number;
  /** Who has waited for longer is refused instead of committed: after a standstill, room is for those who still wait. */
  readonly maxWaitMs: number;
}

/**
 * Group commit: what arrives while a commit is in flight shares the next one, as a database does with
 * its own log. A lone item is committed at once. A batch that fails falls apart into single items, so
 * one poison item hurts only itself.
 */
export function groupCommit<Item, Result>(options: Options<Item, Result>): (item: Item) => Promise<Result> {
  const { commit, keyOf, isolates, maxBatch, sizeOf, maxWaitingSize, maxWaitMs } = options;
  let waiting: Entry<Item, Result>[] = [];
  let waitingSize = 0;
  let committing = false;
  /** The keys of those that are tried alone. */
  const alone = new Set<string>();

  function takeBatch(): Entry<Item, Result>[] {
    const keys = new Set(alone);
    const batch: Entry<Item, Result>[] = [];
    const rest: Entry<Item, Result>[] = [];
    const tooEarly = performance.now() - maxWaitMs;
    for (const entry of waiting) {
      if (entry.since < tooEarly) {
        waitingSize -= sizeOf(entry.item);
        entry.reject(new Unavailable('waited too long to be committed'));
        continue;
      }
      const fits = batch.length < maxBatch && !keys.has(entry.key);
      (fits ? batch : rest).push(entry);
      keys.add(entry.key);
      if (fits) waitingSize -= sizeOf(entry.item);
    }
    waiting = rest;
    return batch;
  }

  async function settle(batch: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await commit(batch.map((entry) => entry.item));
      batch.forEach((entry, i) => {
        entry.resolve(results[i] as Result);
      });
    } catch (error) {
      if (batch.length > 1 && isolates(error)) for (const entry of batch) void settleAlone(entry);
      else for (const entry of batch) entry.reject(error);
    }
  }

  /** Further batches don't wait for it: where it is a lock that broke this one, it is waited for once more. */
  async function settleAlone(entry: Entry<Item, Result>): Promise<void> {
    alone.add(entry.key);
    await settle([entry]);
    alone.delete(entry.key);
    void drain();
  }

  async function drain(): Promise<void> {
    if (committing) return;
    committing = true;
    for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) await settle(batch);
    committing = false;
  }

  return (item) =>
    new Promise((resolve, reject) => {
      const size = sizeOf(item);
      if (waitingSize + size > maxWaitingSize)
        return reject(new Unavailable('too much waits to be committed'));
      waitingSize += size;
      waiting.push({ item, key: keyOf(item), since: performance.now(), resolve, reject });
      void drain();
    });
}
