import { describe, expect, test } from '@jest/globals';
import { keepAcknowledgements, percentile } from '../../src/ops/acknowledgements.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';

const { db } = await createTestDatabase();

test('processes add what they counted to the same quarter of an hour', () =>
  // To a transaction it is one time: no quarter ends between the two.
  db.transaction(async (trx) => {
    const [one, other] = [1, 2].map(() => keepAcknowledgements({ db: trx, log: silent }));
    for (const ms of [0.4, 2, 2.1, 40, 99_999]) one?.took(ms);
    for (const ms of [2, 41]) other?.took(ms);
    await one?.stop();
    await other?.stop();
    expect(await trx('acknowledgements').orderBy('within_ms').select('within_ms', 'deliveries')).toEqual([
      { within_ms: 1, deliveries: 1 },
      { within_ms: 2, deliveries: 2 },
      { within_ms: 3, deliveries: 1 },
      { within_ms: 50, deliveries: 2 },
      { within_ms: 10_000, deliveries: 1 },
    ]);
    const { rows } = await trx.raw(
      `select distinct quarter <= now() and quarter > now() - interval '15 minutes'
         and extract(epoch from quarter)::int % 900 = 0 as now from acknowledgements`,
    );
    expect(rows).toEqual([{ now: true }]);
  }));

test('what is older than the chart goes, the rest stays', async () => {
  await db('acknowledgements').del();
  await db.raw(
    `insert into acknowledgements values (now() - interval '31 days 1 second', 1, 7), (now() - interval '30 days', 1, 8)`,
  );
  const process = keepAcknowledgements({ db, log: silent });
  process.took(1);
  await process.stop();
  expect(await db('acknowledgements').orderBy('quarter').pluck('deliveries')).toEqual([8, 1]);
});

test('what the database does not take is written the next time', async () => {
  await db('acknowledgements').del();
  const process = keepAcknowledgements({ db, log: silent });
  process.took(1);
  await db.raw('alter table acknowledgements rename to away');
  await process.stop();
  await db.raw('alter table away rename to acknowledgements');
  process.took(1);
  await process.stop();
  expect(await db('acknowledgements').pluck('deliveries')).toEqual([2]);
});

describe('percentiles', () => {
  test('lie between the bounds, by the share of the deliveries', () => {
    const counted = [
      { within_ms: 100, deliveries: 10 },
      { within_ms: 5, deliveries: 90 },
    ];
    expect(percentile(counted, 0.5)).toBeCloseTo(3 + 2 * (50 / 90));
    expect(percentile(counted, 0.9)).toBe(5);
    expect(percentile(counted, 0.99)).toBeCloseTo(70 + 30 * 0.9);
  });

  test('of nothing there is none', () => {
    expect(percentile([], 0.5)).toBeNull();
  });
});
