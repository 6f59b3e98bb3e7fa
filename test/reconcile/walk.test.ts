import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import Stripe from 'stripe';
import { type Stage, walk } from '../../src/reconcile/walk.ts';
import type { List, Listed } from '../../src/stripe/lists.ts';
import { listOf } from '../support/stripe-lists.ts';

const NOW = 1_000_000;
const SETTLED = NOW - 600;

/** Stripe's list of these objects. */
function listFrom(objects: readonly Listed[]): List<Listed> {
  return async ({ created, ...page }) => {
    const query = new URLSearchParams(Object.entries(page).map(([name, value]) => [name, String(value)]));
    for (const [bound, time] of Object.entries(created ?? {})) query.set(`created[${bound}]`, String(time));
    const [status, body] = listOf(objects as unknown as Record<string, unknown>[], query, () => true);
    if (status === 200) return body as unknown as { data: Listed[]; has_more: boolean };
    throw new Stripe.errors.StripeInvalidRequestError(body.error as never);
  };
}

/** Objects of these ages, in the order of their creation. */
const objectsOf = (ages: readonly number[]) =>
  ages.toSorted((a, b) => b - a).map((age, n) => ({ id: `evt_${n}`, created: NOW - age }));

async function walkedOn(list: List<Listed>, position: string | null, since: number, upTo = NOW) {
  const stages: Stage<Listed>[] = [];
  const bounds = { now: NOW, upTo, settled: SETTLED, reach: NOW - 20_000 };
  for await (const stage of walk(list, { position, since }, bounds)) stages.push(stage);
  return stages;
}

const walked = (objects: readonly Listed[], position: string | null, since = 0, upTo = NOW) =>
  walkedOn(listFrom(objects), position, since, upTo);

const seen = (stages: readonly Stage<Listed>[]) =>
  stages.flatMap(({ objects }) => objects.map(({ id }) => id));

const ages = fc.array(fc.nat(10_000), { maxLength: 350, size: 'max' });

test('from a time on every object is seen once, whether or not there is one before it', async () => {
  await fc.assert(
    fc.asyncProperty(ages, fc.nat(10_000), async (given, age) => {
      const objects = objectsOf(given);
      const wanted = objects.filter(({ created }) => created >= NOW - age).map(({ id }) => id);
      expect(seen(await walked(objects, null, NOW - age)).toSorted()).toEqual(wanted.toSorted());
    }),
    { numRuns: 60 },
  );
});

test('killed after any page, what is left is seen by the next walk; what is not settled is seen by both', async () => {
  await fc.assert(
    fc.asyncProperty(ages, fc.nat(4), async (given, pages) => {
      const objects = objectsOf(given);
      const first = (await walked(objects, null)).slice(0, pages);
      const position = first.findLast(({ reached }) => reached !== null)?.reached?.id ?? null;
      const second = seen(await walked(objects, position));
      expect(new Set([...(position ? seen(first) : []), ...second])).toEqual(
        new Set(objects.map(({ id }) => id)),
      );
      for (const { id, created } of objects) if (created > SETTLED) expect(second).toContain(id);
    }),
    { numRuns: 60 },
  );
});

test('a cursor leads on from its object, the oldest first, and moves with each page up to what is settled', async () => {
  const objects = objectsOf([...Array(250).keys()].map((n) => 500 + n));
  const stages = await walked(objects, 'evt_9');
  expect(seen(stages)).toEqual(objects.slice(10).map(({ id }) => id));
  expect(stages.map(({ reached }) => reached?.id ?? null)).toEqual(['evt_109', 'evt_149', null]);
  expect(stages.map(({ percent }) => percent)).toEqual([13, 26, 32]);
});

test('the way back moves it to the newest that is settled, however many pages there are', async () => {
  const stages = await walked(objectsOf([...Array(250).keys()].map((n) => 500 + n)), null);
  expect(stages.map(({ reached }) => reached?.id ?? null)).toEqual([null, null, null, 'evt_149']);
});

test('what is not settled is left out where that is asked for', async () => {
  const stages = await walked(objectsOf([5_000, 601, 600, 599]), null, 0, SETTLED);
  expect(seen(stages).toSorted()).toEqual(['evt_0', 'evt_1', 'evt_2']);
});

/** How Stripe refuses what it has no code for. */
const refusal = (message: string) =>
  new Stripe.errors.StripeInvalidRequestError({ type: 'invalid_request_error', message });

const three = listFrom(objectsOf([30_000, 15_000, 5_000]));
const keptNoMore: typeof three = async (params) => {
  if (params.ending_before !== 'evt_gone') return three(params);
  throw refusal("The event is no longer available because it's aged out of our retention policy.");
};

test.each([
  ['does not know any more', three],
  ['keeps no more', keptNoMore],
])('a cursor that Stripe %s leads back as far as it may', async (_what, list) => {
  const stages = await walkedOn(list, 'evt_gone', 0);
  expect(seen(stages)).toEqual(['evt_2', 'evt_1']);
  expect(stages.at(-1)).toEqual({
    objects: [],
    reached: { id: 'evt_2', created: NOW - 5_000 },
    percent: 100,
  });
});

test.each([
  ['Stripe is down', new Error('Stripe is down'), 1],
  ['no list at all can be asked for', refusal('Unrecognized request URL'), 2],
])("an error that is not the cursor's is passed on: %s", async (_what, error, asked) => {
  let times = 0;
  const list: List<Listed> = async () => {
    times += 1;
    throw error;
  };
  await expect(walkedOn(list, 'evt_1', 0)).rejects.toBe(error);
  expect(times).toBe(asked);
});

test('of an API that ignores the filter of times, too much is seen rather than nothing', async () => {
  const objects = objectsOf([9_000, 5_000, 1_000]);
  const unfiltered: List<Listed> = ({ created: _ignored, ...page }) => listFrom(objects)(page);
  expect(seen(await walkedOn(unfiltered, null, NOW - 6_000)).toSorted()).toEqual(objects.map(({ id }) => id));
});
