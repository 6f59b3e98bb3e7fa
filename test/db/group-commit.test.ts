import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { groupCommit } from '../../src/db/group-commit.ts';

interface Item {
  readonly key: string;
  readonly n: number;
}

/** A commit that waits until told, and keeps the batches that it was given. */
function controlled() {
  const batches: Item[][] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const commit = async (batch: readonly Item[]) => {
    batches.push([...batch]);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    return batch.map(({ n }) => n);
  };
  return { batches, gates, commit };
}

const settings = {
  keyOf: ({ key }: Item) => key,
  isolates: () => true,
  maxBatch: 100,
  sizeOf: () => 1,
  maxWaitingSize: 1_000,
  maxWaitMs: 1_000,
  lateAfterMs: 1_000,
};
const item = (n: number, key = `k${n}`): Item => ({ key, n });

describe('groupCommit', () => {
  test('commits a lone item at once, and what arrives meanwhile together', async () => {
    const { batches, gates, commit } = controlled();
    const submit = groupCommit({ ...settings, commit });
    const results = Promise.all([submit(item(1)), submit(item(2)), submit(item(3))]);
    expect(batches).toEqual([[item(1)]]);
    gates[0]?.resolve();
    while (gates.length < 2) await new Promise(setImmediate);
    expect(batches[1]).toEqual([item(2), item(3)]);
    gates[1]?.resolve();
    expect(await results).toEqual([1, 2, 3]);
  });

  test('keeps no timer of a commit that is over', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    await groupCommit({ ...settings, commit: async () => [1] })(item(1));
    expect(timers()).toBe(before);
  });

  test('begins the next commit before it tells who waited for the last one', async () => {
    const told: number[] = [];
    const toldAtCommit: number[][] = [];
    const commit = async (batch: readonly Item[]) => {
      // As a pool does, before the statement is sent.
      await Promise.resolve();
      toldAtCommit.push([...told]);
      await new Promise(setImmediate);
      return batch.map(({ n }) => n);
    };
    const submit = groupCommit({ ...settings, commit });
    await Promise.all([1, 2, 3].map(async (n) => told.push(await submit(item(n)))));
    expect(toldAtCommit).toEqual([[], []]);
    expect(told).toEqual([1, 2, 3]);
  });

  test('gives each its own result, in batches without a repeated key, in order within a key', async () => {
    const items = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(items, fc.integer({ min: 1, max: 7 }), async (keys, maxBatch) => {
        const committed: Item[][] = [];
        const commit = async (batch: readonly Item[]) => {
          committed.push([...batch]);
          await new Promise(setImmediate);
          return batch.map(({ n }) => n);
        };
        const submit = groupCommit({ ...settings, maxBatch, commit });
        const results = await Promise.all(keys.map((key, n) => submit(item(n, key))));

        expect(results).toEqual(keys.map((_key, n) => n));
        for (const batch of committed) {
          expect(batch.length).toBeLessThanOrEqual(maxBatch);
          expect(new Set(batch.map(({ key }) => key)).size).toBe(batch.length);
        }
        for (const key of new Set(keys)) {
          const order = committed
            .flat()
            .filter((one) => one.key === key)
            .map(({ n }) => n);
          expect(order).toEqual(order.toSorted((x, y) => x - y));
        }
      }),
    );
  });

  test('a broken batch falls apart: only the items that break it fail', async () => {
    const items = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(items, async (poisonous) => {
        const commit = async (batch: readonly Item[]) => {
          await new Promise(setImmediate);
          if (batch.some(({ n }) => poisonous[n])) throw new Error('poison');
          return batch.map(({ n }) => n);
        };
        const submit = groupCommit({ ...settings, commit });
        const results = await Promise.allSettled(poisonous.map((_poison, n) => submit(item(n))));
        expect(results.map(({ status }) => status === 'rejected')).toEqual(poisonous);
        // What comes again, and is none any more, is taken.
        const again = poisonous.map((_poison, n) => item(100 + n, `k${n}`));
        expect(await Promise.all(again.map(submit))).toEqual(again.map(({ n }) => n));
      }),
    );
  });

  test('an item that is tried alone holds up those of its key, and no others', async () => {
    const { promise: unlocked, resolve: unlock } = Promise.withResolvers<void>();
    const commit = async (batch: readonly Item[]) => {
      const locked = batch.some(({ key }) => key === 'locked');
      await new Promise(setImmediate);
      if (locked && batch.length > 1) throw new Error('lock timeout');
      if (locked) await unlocked;
      return batch.map(({ n }) => n);
    };
    const submit = groupCommit({ ...settings, commit });
    const settled: number[] = [];
    const all = [item(0), item(1, 'locked'), item(2), item(3, 'locked'), item(4)].map(async (one) => {
      settled.push(await submit(one));
    });
    await Promise.all([all[0], all[2], all[4]]);
    const later = submit(item(5));
    expect(await later).toBe(5);
    expect(settled.toSorted()).toEqual([0, 2, 4]);
    unlock();
    await Promise.all(all);
    expect(settled.slice(-2)).toEqual([1, 3]);
  });

  describe('a commit that is late', () => {
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'performance'] });
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    test('holds up those of its keys, and no others', async () => {
      const { batches, gates, commit } = controlled();
      const submit = groupCommit({ ...settings, commit });
      const late = submit(item(1, 'a'));
      const [same, other] = [submit(item(2, 'a')), submit(item(3, 'b'))];
      jest.advanceTimersByTime(settings.lateAfterMs);
      while (gates.length < 2) await new Promise(setImmediate);
      gates[1]?.resolve();
      expect(await other).toBe(3);
      expect(batches).toEqual([[item(1, 'a')], [item(3, 'b')]]);
      gates[0]?.resolve();
      expect(await late).toBe(1);
      while (gates.length < 3) await new Promise(setImmediate);
      gates[2]?.resolve();
      expect(await same).toBe(2);
    });

    test('is waited for when three others are late already', async () => {
      const { gates, commit } = controlled();
      const submit = groupCommit({ ...settings, commit });
      const submitted: Promise<number>[] = [];
      for (let n = 1; n <= 4; n += 1) {
        submitted.push(submit(item(n)));
        while (gates.length < n) await new Promise(setImmediate);
        jest.advanceTimersByTime(settings.lateAfterMs);
      }
      submitted.push(submit(item(5)));
      jest.advanceTimersByTime(10 * settings.lateAfterMs);
      await new Promise(setImmediate);
      expect(gates).toHaveLength(4);
      gates[0]?.resolve();
      gates[3]?.resolve();
      while (gates.length < 5) await new Promise(setImmediate);
      for (const gate of gates) gate.resolve();
      expect(await Promise.all(submitted)).toEqual([1, 2, 3, 4, 5]);
    });
  });

  test('when the server is gone the whole batch fails at once, and the next one is tried anew', async () => {
    let calls = 0;
    const commit = async (batch: readonly Item[]) => {
      calls += 1;
      await new Promise(setImmediate);
      if (calls <= 2) throw new Error('gone');
      return batch.map(({ n }) => n);
    };
    const submit = groupCommit({ ...settings, isolates: () => false, commit });
    const results = await Promise.allSettled([0, 1, 2, 3].map((n) => submit(item(n))));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(calls).toBe(2);
    expect(await submit(item(9))).toBe(9);
  });

  test('refuses at once what no longer fits, and takes items again when there is room', async () => {
    const { gates, commit } = controlled();
    const submit = groupCommit({ ...settings, sizeOf: ({ n }) => n, maxWaitingSize: 3, commit });
    const taken = [submit(item(0)), submit(item(1)), submit(item(2))];
    await expect(submit(item(3))).rejects.toMatchObject({ name: 'Unavailable' });
    gates[0]?.resolve();
    while (gates.length < 2) await new Promise(setImmediate);
    taken.push(submit(item(3)));
    gates[1]?.resolve();
    while (gates.length < 3) await new Promise(setImmediate);
    gates[2]?.resolve();
    expect(await Promise.all(taken)).toEqual([0, 1, 2, 3]);
  });

  test('refuses what has waited too long, and commits what came later', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
    const { batches, gates, commit } = controlled();
    const submit = groupCommit({ ...settings, maxWaitingSize: 1, commit });
    const first = submit(item(1));
    const early = submit(item(2));
    clock.mockReturnValue(1_001);
    gates[0]?.resolve();
    await expect(early).rejects.toMatchObject({ name: 'Unavailable' });
    expect(await first).toBe(1);

    const late = submit(item(3));
    while (gates.length < 2) await new Promise(setImmediate);
    gates[1]?.resolve();
    expect(await late).toBe(3);
    expect(batches).toEqual([[item(1)], [item(3)]]);
    clock.mockRestore();
  });

  test('keeps as much as it can where twice as much comes: no commit is begun in vain', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const takesMs = 400;
    const commit = async (batch: readonly Item[], until = Number.POSITIVE_INFINITY) => {
      const leftMs = until - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.min(takesMs, leftMs)));
      if (leftMs < takesMs) throw new Error('statement timeout');
      return batch.map(({ n }) => n);
    };
    const slow = { isolates: () => false, maxBatch: 10, lateAfterMs: 500, commit };
    const submit = groupCommit({ ...settings, ...slow });
    const submitted: Promise<number>[] = [];
    for (let n = 0; n < 400; n += 1) {
      submitted.push(submit(item(n)));
      submitted.at(-1)?.catch(() => {});
      await jest.advanceTimersByTimeAsync(20);
    }
    await jest.advanceTimersByTimeAsync(settings.maxWaitMs);
    jest.useRealTimers();
    const results = await Promise.allSettled(submitted);
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(190);
  });

  test('gives what was held up, and what is tried alone, until its sender has waited too long', async () => {
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
    const asked: [number[], number | undefined][] = [];
    const commit = async (batch: readonly Item[], until?: number) => {
      asked.push([batch.map(({ n }) => n), until]);
      await new Promise(setImmediate);
      clock.mockReturnValue(600);
      if (batch.length > 1) throw new Error('lock timeout');
      return batch.map(({ n }) => n);
    };
    const submit = groupCommit({ ...settings, maxWaitMs: 2_000, lateAfterMs: 500, commit });
    expect(await Promise.all([submit(item(1)), submit(item(2)), submit(item(3))])).toEqual([1, 2, 3]);
    expect(asked).toEqual([
      [[1], undefined],
      [[2, 3], 2_000],
      [[2], 2_000],
      [[3], 2_000],
    ]);
    clock.mockRestore();
  });
});
