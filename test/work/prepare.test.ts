import { expect, test } from '@jest/globals';
import type { Claim } from '../../src/work/queue.ts';
import { until } from '../support/until.ts';
import { attempts, openWorkshop, type Prepare, untilStale } from '../support/workshop.ts';

const { db, owe, start, rowOf, statusesOf, untilAllAreFulfilled } = await openWorkshop();

/** Preparations that end when told. What they resolve with can be told from what was read. */
function preparations() {
  const { perform, ...preparing } = attempts();
  const prepare: Prepare = async (row, signal) => {
    await perform(row, signal);
    return { ...row, id: -row.id };
  };
  return { ...preparing, prepare };
}

test('what waits for a place is prepared meanwhile, two for each place, and attempted as it is then', async () => {
  const orders = await owe(4);
  const ahead = preparations();
  const { begun, rows, ends, perform } = attempts();
  start(perform, { concurrency: 1, prepare: ahead.prepare });
  await until('the first is attempted', () => begun.length === 1);
  await until('two more are being prepared', () => ahead.begun.length === 2);
  await statusesOf();
  expect(ahead.begun).toEqual(orders.slice(1, 3));
  ahead.ends[0]?.();
  await until('the last is as well', () => ahead.begun.length === 3);
  ends[0]?.();
  await until('the second is attempted', () => begun.length === 2);
  ahead.ends[1]?.();
  ahead.ends[2]?.();
  ends[1]?.();
  await until('the third is attempted', () => begun.length === 3);
  ends[2]?.();
  await until('the fourth is attempted', () => begun.length === 4);
  ends[3]?.();
  await untilAllAreFulfilled();
  expect(begun).toEqual(orders);
  expect(rows.map(({ id }) => Math.sign(id))).toEqual([1, -1, -1, -1]);
  expect(ahead.begun).toEqual(orders.slice(1));
});

/** Two orders, of which the first is attempted, and the preparation of the second. */
async function beginBesidePreparation() {
  const [first = 0, second = 0] = await owe(2);
  const { promise, reject } = Promise.withResolvers<Claim>();
  const { begun, ends, perform } = attempts();
  start(perform, { concurrency: 1, prepare: () => promise });
  await until('the first is attempted', () => begun.length === 1);
  const fail = () => reject(new Error('Stripe does not answer'));
  const end = async () => {
    ends[0]?.();
    await until('it is done', async () => (await rowOf(first)).status === 'fulfilled');
  };
  return { first, second, begun, ends, fail, end };
}

test.each([
  ['waits for a preparation that is under way', ['end', 'fail']],
  ['follows a preparation that failed just now', ['fail', 'end']],
  ['waits for one that began more than a second ago', ['untilStale', 'end', 'fail']],
  ['follows one that began more than a second ago', ['untilStale', 'fail', 'end']],
] as const)('an attempt that %s fails by what that throws', async (_case, steps) => {
  const { first, second, begun, fail, end } = await beginBesidePreparation();
  const deeds = { untilStale, fail, end };
  for (const step of steps) await deeds[step]();
  await until('the second has failed', async () => (await rowOf(second)).last_error !== null);
  expect(await rowOf(second)).toMatchObject({ attempts: 1, last_error: 'Stripe does not answer' });
  expect(begun).toEqual([first]);
});

test('an attempt begins anew where its preparation failed more than a second ago', async () => {
  const { first, second, begun, ends, fail, end } = await beginBesidePreparation();
  fail();
  await untilStale();
  await end();
  await until('the second is attempted', () => begun.length === 2);
  ends[1]?.();
  await untilAllAreFulfilled();
  expect(begun).toEqual([first, second]);
  expect(await rowOf(second)).toMatchObject({ attempts: 1 });
});

test('what was prepared more than a second ago is read again: it may have changed meanwhile', async () => {
  const [, second = 0] = await owe(2);
  const reads: number[] = [];
  const { begun, rows, ends, perform } = attempts();
  start(perform, {
    concurrency: 1,
    prepare: async (row) => ({ ...row, id: -row.id }),
    load: async (claims) => {
      reads.push(claims.length);
      return claims;
    },
  });
  await until('the first is attempted', () => begun.length === 1);
  await untilStale();
  ends[0]?.();
  await until('the second is attempted', () => begun.length === 2);
  ends[1]?.();
  expect(reads).toEqual([2, 1]);
  expect(rows[1]?.id).toBe((await rowOf(second)).id);
});

test('a stop breaks preparations off, begins none, and their rows go back as if they had not been claimed', async () => {
  await owe(4);
  const { begun, perform } = attempts();
  const ahead = preparations();
  const worker = start(perform, { concurrency: 1, prepare: ahead.prepare });
  await until('two are being prepared', () => begun.length === 1 && ahead.begun.length === 2);
  await worker.stop(0);
  expect(ahead.signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  for (const end of ahead.ends) end();
  const rows = await db('fulfillments').orderBy('id');
  expect(rows.map(({ attempts }) => attempts)).toEqual([1, 0, 0, 0]);
  expect(rows.every(({ next_attempt_at }) => next_attempt_at <= new Date())).toBe(true);
  expect(ahead.begun).toHaveLength(2);
});
