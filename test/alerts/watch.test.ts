import { afterEach, expect, jest, test } from '@jest/globals';
import type { Finding } from '../../src/alerts/alert.ts';
import { findOrders } from '../../src/alerts/findings.ts';
import { raise } from '../../src/alerts/store.ts';
import { openEyes } from '../../src/alerts/watch.ts';
import { openPool } from '../../src/db/knex.ts';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { type Claim, claim, settleFailed } from '../../src/work/queue.ts';
import { atEnd } from '../support/at-end.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordingLog, silent } from '../support/log.ts';
import { fulfil, owedOrder } from '../support/owed.ts';
import { hold, untilWaiting } from '../support/process.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const { db, url } = await createTestDatabase();

afterEach(() => void jest.restoreAllMocks());

const secondsLater = (seconds: number) => {
  const at = performance.now() + seconds * 1_000;
  jest.spyOn(performance, 'now').mockReturnValue(at);
};

/** What only another process sees, and has not seen for longer than it takes to be over. */
async function seenElsewhere() {
  await db('alerts').del();
  await raise(db, { cause: 'clock_off', details: { host: 'other', against: 'the database', seconds: 40 } });
  await db('alerts').update({ seen_at: db.raw(`now() - interval '121 seconds'`) });
}
const overNow = async () => (await db('alerts')).filter(({ over_at }) => over_at !== null).length;

test.each([
  ['could not look', () => Promise.reject(new Error('away'))],
  ['could not keep what it found', () => [{ cause: 'bad_mood', details: {} } as never]],
])('a process that %s ends nothing for two minutes from then on', async (_case, fault) => {
  await seenElsewhere();
  let look = fault;
  const eyes = openEyes({ db, looks: [() => look()], log: silent });
  await eyes.look().catch(() => {});
  look = () => [];
  await eyes.look();
  secondsLater(119);
  await eyes.look();
  expect(await overNow()).toBe(0);
  secondsLater(2);
  await eyes.look();
  expect(await overNow()).toBe(1);
});

test('an alert that was kept, though its process never heard so, is logged', async () => {
  await db('alerts').del();
  const way = await startTcpProxy(url);
  const ours = openPool(way.url, { kind: 'ops', max: 1, log: silent });
  atEnd(() => ours.destroy());
  const { log, lines } = recordingLog();
  const details = { host: 'web-1', against: 'Stripe', seconds: 40 };
  const { look } = openEyes({ db: ours, looks: [() => [{ cause: 'clock_off', details }]], log });
  const lock = await hold(db, (trx) => trx.raw('lock table alerts in exclusive mode'));
  const failing = expect(look()).rejects.toThrow();
  await untilWaiting(db, 'ops', 1);
  way.reset();
  await failing;
  await lock.release();
  await until('it is kept all the same', () => db('alerts').first());
  await look();
  expect(lines).toEqual([
    {
      level: 'error',
      cause: 'clock_off',
      ...details,
      msg: 'an alert could not be kept',
    },
  ]);
});

test('a process that has seen everything ends what nobody sees any more at once', async () => {
  await seenElsewhere();
  await openEyes({ db, looks: [() => []], log: silent }).look();
  expect(await overNow()).toBe(1);
});

test('an order in trouble is told of though the one before was settled a moment ago, and its alert is not over yet', async () => {
  await db('alerts').del();
  const dead = (order_id: number): Finding => ({
    cause: 'fulfillments_dead',
    details: { count: 1, order_id, newest_at: new Date(Date.UTC(2026, 10, 25, 12, order_id)) },
  });
  let found = [dead(5)];
  const { look } = openEyes({ db, looks: [() => found], log: silent });
  await look();
  await db('alerts').update({ raised_at: db.raw(`now() - interval '61 minutes'`) });
  await look();
  expect(await db('alerts')).toHaveLength(1);
  found = [];
  await look();
  found = [dead(9)];
  await look();
  expect(await db('alerts').orderBy('id')).toMatchObject([
    { details: { order_id: 5 }, over_at: expect.any(Date) },
    { details: { order_id: 9 }, over_at: null, next_attempt_at: expect.any(Date) },
  ]);
});

test.each([
  ['dies by its last attempt', { attempts: 11 }],
  ['is found to kill its process', { attempts: 12, attempts_lost: 12 }],
])(
  'an order that %s is told of though another one was settled since the last look',
  async (_how, columns) => {
    await db('alerts').del();
    async function die({ minutes }: { minutes: number }): Promise<number> {
      const order_id = await owedOrder(db, { minutes });
      await db('fulfillments')
        .where({ order_id })
        .update({ ...columns, next_attempt_at: db.fn.now() });
      for (const one of await claim<Claim>(db, fulfillments, { limit: 1, maxAttempts: 12 }))
        if (one.status === 'pending')
          await settleFailed(db, fulfillments, one, { error: 'down', pauseMs: null });
      return order_id;
    }
    const { look } = openEyes({ db, looks: [() => findOrders(db)], log: silent });
    await die({ minutes: 0 });
    await look();
    await db('alerts').update({ raised_at: db.raw(`now() - interval '61 minutes'`) });
    await look();
    expect(await db('alerts')).toHaveLength(1);
    await fulfil(db);
    const order_id = await die({ minutes: 10 });
    await look();
    expect(await db('alerts').whereNull('over_at')).toMatchObject([
      { details: { count: 1, order_id }, next_attempt_at: expect.any(Date), attempts: 0 },
    ]);
    expect(await db('alerts')).toHaveLength(2);
    await fulfil(db);
  },
);
