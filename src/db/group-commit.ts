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
  /**
   * Commits a batch as one, and gives a result for each item, in their order. With `until` (on the process's monotonic
   * clock) it commits by that time or not at all: it may have to wait for a connection or a lock first, and by then the
   * senders have been told to come again.
   */
  readonly commit: (batch: readonly Item[], until?: number) => Promise<readonly Result[]>;
  /** Items of one key never share a batch: the later one sees what the earlier one did. */
  readonly keyOf: (item: Item) => string;
  /** Whether an item of a broken batch may succeed alone: not when the database is gone. */
  readonly isolates: (error: unknown) => boolean;
  readonly maxBatch: number;
  /** What an item costs in memory, and what all that wait may cost together: beyond it further ones are refused at once. */
  readonly sizeOf: (item: Item) => number;
  readonly maxWaitingSize: number;
  /**
   * An item that has waited for longer is refused instead of committed. After a standstill its sender has given up, and
   * the commit is for those who still wait.
   */
  readonly maxWaitMs: number;
  /** A commit that takes longer is late: the next one begins beside it, on a connection of its own. */
  readonly lateAfterMs: number;
}

/** How many late commits there may be at a time: each holds a connection. */
const MAX_LATE = 3;

/**
 * Group commit: what arrives while a commit is in flight shares the next one, as a database does with
 * its own log. A lone item is committed at once. A batch that fails falls apart into single items, so
 * one poison item hurts only itself. One at a time is the fastest; but where a lock or a network holds one up, others go on.
 */
export function groupCommit<Item, Result>(options: Options<Item, Result>): (item: Item) => Promise<Result> {
  const { commit, keyOf, isolates, maxBatch, sizeOf, maxWaitingSize, maxWaitMs, lateAfterMs } = options;
  let waiting: Entry<Item, Result>[] = [];
  let waitingSize = 0;
  let committing = false;
  /**
   * What the last commit took. An item that has less than twice that time left is refused as well, since a commit that
   * ends too late for the sender is work for nobody. Without this, where more events came than PostgreSQL could take, all
   * commits ended too late: of 7,200 events, 450 a second, 201 were kept instead of 3,218.
   */
  let lastTook = 0;
  let late = 0;
  /** The keys of what is being committed. */
  const busy = new Set<string>();

  function takeBatch(): Entry<Item, Result>[] {
    const keys = new Set(busy);
    const batch: Entry<Item, Result>[] = [];
    const rest: Entry<Item, Result>[] = [];
    const tooEarly = performance.now() - maxWaitMs + Math.min(2 * lastTook, maxWaitMs / 2);
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

  /** Commits a batch, and resolves with a function that tells the senders how it went. */
  async function settle(batch: readonly Entry<Item, Result>[], until?: number): Promise<() => void> {
    for (const { key } of batch) busy.add(key);
    const began = performance.now();
    try {
      const results = await commit(
        batch.map((entry) => entry.item),
        until,
      );
      free(batch);
      return () => batch.forEach((entry, i) => void entry.resolve(results[i] as Result));
    } catch (error) {
      // The next batches don't wait for these: where a lock broke the batch, an item alone may wait for that lock once
      // more.
      if (batch.length > 1 && isolates(error)) return () => batch.forEach((entry) => void settleAlone(entry));
      free(batch);
      return () => batch.forEach((entry) => void entry.reject(error));
    } finally {
      lastTook = performance.now() - began;
    }
  }

  function free(batch: readonly Entry<Item, Result>[]): void {
    for (const { key } of batch) busy.delete(key);
  }

  async function settleAlone(entry: Entry<Item, Result>): Promise<void> {
    const tell = await settle([entry], entry.since + maxWaitMs);
    tell();
    void drain();
  }

  /** A limit for batches that have been held up, and none for the others: a commit with a limit takes more round trips. */
  const untilOf = ({ since }: Entry<Item, Result>) =>
    performance.now() - since > lateAfterMs ? since + maxWaitMs : undefined;

  /** Resolves once the batch is settled, or is late. A late one tells its senders by itself, when it is settled. */
  async function settledOrLate(batch: readonly Entry<Item, Result>[]): Promise<() => void> {
    const settling = settle(batch, untilOf(batch[0] as Entry<Item, Result>));
    if (late === MAX_LATE) return settling;
    const { promise, resolve } = Promise.withResolvers<() => void>();
    const timer = setTimeout(() => {
      late += 1;
      resolve(() => {});
      void settling.then((tell) => {
        tell();
        late -= 1;
        void drain();
      });
    }, lateAfterMs);
    const tell = await Promise.race([settling, promise]);
    clearTimeout(timer);
    return tell;
  }

  /**
   * Senders are told while the next commit runs: with their answers (1 ms a batch) before it, PostgreSQL idled
   * meanwhile, and the bench took 5,100 events a second instead of 5,900. Where nothing waits they are told at once.
   */
  async function drain(): Promise<void> {
    if (committing) return;
    committing = true;
    for (let batch = takeBatch(); batch.length > 0; ) {
      const tell = await settledOrLate(batch);
      batch = takeBatch();
      if (batch.length > 0) setImmediate(tell);
      else tell();
    }
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
