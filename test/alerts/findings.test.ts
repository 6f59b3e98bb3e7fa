import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Finding } from '../../src/alerts/alert.ts';
import type { Channel } from '../../src/alerts/channels.ts';
import { findClockOff, findConflicts, findMails, findOrders } from '../../src/alerts/findings.ts';
import { startWatch } from '../../src/alerts/watch.ts';
import { wordsOf } from '../../src/alerts/words.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { recordEvent } from '../support/news.ts';
import { insertOrder } from '../support/orders.ts';
import { owedOrder } from '../support/owed.ts';
import { checkoutSession, events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db } = await createTestDatabase();

beforeEach(async () => {
  await db('alerts').del();
  await db('notifications').del();
  await db('fulfillments').del();
});

describe('what is owed', () => {
  test('nothing is found while all is done, or waits for less than 15 minutes', async () => {
    await owedOrder(db, { status: 'fulfilled', minutes: 90 });
    await owedOrder(db, { minutes: 14 });
    expect([await findOrders(db), await findMails(db)]).toEqual([[], []]);
  });

  test('dead orders and mails are found with the oldest order, and dead orders are unfulfilled ones too', async () => {
    const old = await owedOrder(db, { status: 'dead', minutes: 20 });
    await owedOrder(db, { status: 'dead', minutes: 1 });
    const mailed = await owedOrder(db, { status: 'fulfilled' });
    await db('notifications').insert({
      order_id: mailed,
      kind: 'order_paid',
      status: 'dead',
      next_attempt_at: null,
    });
    expect(await findOrders(db)).toEqual([
      { cause: 'fulfillments_dead', details: { count: 2, order_id: old, newest_at: expect.any(Date) } },
      {
        cause: 'orders_unfulfilled',
        details: { count: 1, order_id: old, newest_at: expect.any(Date), minutes: 20 },
      },
    ]);
    expect(await findMails(db)).toEqual([
      { cause: 'notifications_dead', details: { count: 1, order_id: mailed, newest_at: expect.any(Date) } },
    ]);
  });
});

test('orders whose payment failed after they were paid are found for a day, with the latest', async () => {
  const conflict = async (session: string, hours: number) => {
    const id = await recordEvent(db, events.asyncFailed(checkoutSession({ id: session })));
    const received_at = db.raw(`now() - ? * interval '1 hour'`, [hours]);
    await db('stripe_events').where({ id }).update({ received_at });
  };
  const { checkout_session_id: old } = await insertOrder(db);
  await conflict(old, 25);
  await recordEvent(db, events.completedPaid(checkoutSession({ id: old })));
  expect(await findConflicts(db)).toEqual([]);
  const { checkout_session_id: one } = await insertOrder(db);
  const { checkout_session_id: other, id } = await insertOrder(db);
  for (const [session, hours] of [
    [other, 22],
    [one, 20],
    [other, 2],
  ] as const)
    await conflict(session, hours);
  const { received_at: newest_at } = await db('stripe_events')
    .where({ checkout_session_id: one, outcome: 'conflict' })
    .first();
  expect(await findConflicts(db)).toEqual([
    { cause: 'payments_conflicting', details: { count: 2, order_id: id, newest_at } },
  ]);
});

test.each([
  [29, []],
  [31, [{ cause: 'clock_off', details: { against: 'the database', seconds: -31 } }]],
  [-3_600, [{ cause: 'clock_off', details: { against: 'the database', seconds: 3_600 } }]],
])('a database whose clock is %i s ahead', async (ahead, findings) => {
  await db.transaction(async (trx) => {
    // For this transaction alone, another clock.
    await trx.raw('create schema another_time; set local search_path = another_time, pg_catalog, public');
    await trx.raw(
      `create function another_time.clock_timestamp() returns timestamptz language sql
       as $$ select pg_catalog.clock_timestamp() + interval '${ahead} seconds' $$`,
    );
    expect(await findClockOff(trx)).toMatchObject(findings);
    await trx.raw('drop schema another_time cascade');
  });
});

test('while one look fails nothing is said to be over, and what the others find is kept and told', async () => {
  await db('alerts').insert({
    cause: 'fulfillments_dead',
    details: { count: 1, order_id: 7 },
    seen_at: db.raw(`now() - interval '1 hour'`),
  });
  const off: Finding = { cause: 'clock_off', details: { host: 'web-1', against: 'Stripe', seconds: 40 } };
  const blind = async () => {
    throw new Error('statement timeout');
  };
  const told: string[] = [];
  const channel: Channel = { name: 'webhook', tell: async ({ cause }) => void told.push(cause) };
  const watch = startWatch({ db, looks: [blind, () => [off]], channels: [channel], log: silent });
  await until('the other finding is told', () => told.includes('clock_off'));
  await watch.stop();
  expect(watch.causes()).toEqual(['clock_off']);
  expect(await db('alerts').whereNotNull('over_at')).toEqual([]);
});

test('a process without channels keeps what it finds for others to tell', async () => {
  const off: Finding = { cause: 'clock_off', details: { host: 'web-1', against: 'Stripe', seconds: 40 } };
  const watch = startWatch({ db, looks: [() => [off]], channels: [], log: silent });
  await until('the finding is kept', async () => (await db('alerts')).length === 1);
  await watch.stop();
  // One that finds it there at its begin would tell it at once.
  await startWatch({ db, looks: [], channels: [], log: silent }).stop();
  expect(await db('alerts')).toMatchObject([{ attempts: 0, next_attempt_at: expect.any(Date) }]);
});

describe('what a person reads', () => {
  const newest_at = new Date('2026-11-25T01:30:00Z');
  const say = (finding: Finding, over_at: Date | null = null) =>
    wordsOf({
      ...finding,
      id: 1,
      raised_at: new Date('2026-11-25T01:30:59Z'),
      over_at,
      told: [],
      attempts: 1,
    });

  test.each<[Finding, string, string]>([
    [
      { cause: 'fulfillments_dead', details: { count: 2, order_id: 42, newest_at } },
      '2 paid orders will not be fulfilled without a person',
      'npm run ops -- retry dead',
    ],
    [
      { cause: 'notifications_dead', details: { count: 1, order_id: 42, newest_at } },
      '1 mail to customers will not be sent without a person',
      'npm run ops -- show 42',
    ],
    [
      { cause: 'orders_unfulfilled', details: { count: 3, order_id: 42, newest_at, minutes: 23 } },
      '3 paid orders not fulfilled for more than 15 minutes',
      'FULFILLMENT_URL',
    ],
    [
      { cause: 'payments_conflicting', details: { count: 1, order_id: 42, newest_at } },
      'Stripe says of 1 paid order that the payment failed',
      'npm run ops -- close 42',
    ],
    [
      { cause: 'webhooks_missed', details: { count: 2, order_id: 42, newest_at } },
      'No webhook came for 2 orders',
      'npm run ops -- doctor',
    ],
    [
      { cause: 'signatures_failing', details: { host: 'web-1', in_a_row: 9 } },
      'Signatures of webhook deliveries are wrong',
      "Compare STRIPE_WEBHOOK_SECRET with the endpoint's secret in Stripe's Dashboard: was it rolled, is it that of another endpoint or mode? If it is the right one, a proxy changes the body",
    ],
    [
      {
        cause: 'event_refused',
        details: { count: 2, event_id: 'evt_1', newest_at, reason: 'It is unreadable.' },
      },
      "The service refuses 2 events of Stripe's",
      'The table refused_events names all',
    ],
    [
      {
        cause: 'event_refused',
        details: { count: 1, event_id: 'cs_test_1', newest_at, reason: 'It is unreadable.' },
      },
      "The service refuses 1 checkout session of Stripe's",
      'upgrade the service',
    ],
    [
      { cause: 'live_events_ignored', details: { count: 2, event_id: 'evt_1', newest_at } },
      'The service ignores 2 checkout sessions of live mode',
      'set its live key, restart, and run npm run ops -- reconcile --since 3d',
    ],
    [
      { cause: 'reconcile_failing', details: { list: 'checkout_sessions', runs: 3 } },
      'Reconcile gets nowhere',
      'STRIPE_SECRET_KEY may read',
    ],
    [
      { cause: 'clock_off', details: { host: 'web-1', against: 'the database', seconds: -40 } },
      'The clock of web-1 is 40 s behind that of the database',
      'Set the one that is wrong, and see that both are kept (NTP',
    ],
    [
      { cause: 'clock_off', details: { host: 'web-1', against: 'Stripe', seconds: 40 } },
      'The clock of web-1 is 40 s ahead of that of Stripe',
      'holds deliveries back',
    ],
  ])('what it is, since when, and what to do (%#)', (finding, title, step) => {
    const words = say(finding);
    expect(words.title).toBe(title);
    expect(words.what).toMatch(/Since 2026-11-25 01:30 UTC\.$/);
    expect(words.todo).toContain(step);
  });

  test('of a clock that is behind: who refuses what', () => {
    const details = { host: 'worker-1', against: 'the database', seconds: -400 };
    expect(say({ cause: 'clock_off', details }).what).toMatch(
      /deliveries are refused where it is ahead.* behind, the receiver may refuse the calls/,
    );
  });

  test('when it is over: from when to when', () => {
    const finding: Finding = { cause: 'fulfillments_dead', details: { count: 1, order_id: 42, newest_at } };
    expect(say(finding, new Date('2026-11-25T02:00:00Z'))).toEqual({
      title: 'Over: 1 paid order will not be fulfilled without a person',
      what: 'It began at 2026-11-25 01:30 UTC, and was over at 2026-11-25 02:00 UTC.',
      todo: 'There is nothing to do.',
    });
  });

  test.each<[Finding, RegExp]>([
    [
      { cause: 'live_events_ignored', details: { count: 1, event_id: 'evt_1', newest_at } },
      /ops -- reconcile --since 3d/,
    ],
    [
      { cause: 'webhooks_missed', details: { count: 1, order_id: 42, newest_at } },
      /come again\?.* ops -- doctor/,
    ],
    [{ cause: 'signatures_failing', details: { host: 'web-1', in_a_row: 9 } }, /answered 200 now/],
    [{ cause: 'clock_off', details: { host: 'web-1', against: 'Stripe', seconds: 40 } }, /ops -- doctor/],
  ])('when it may not be mended: where to look, or what to do then (%#)', (finding, step) => {
    expect(say(finding, new Date('2026-11-25T02:00:00Z')).todo).toMatch(step);
  });

  test('when an order whose payment failed is out of sight: that somebody should have looked', () => {
    const finding: Finding = {
      cause: 'payments_conflicting',
      details: { count: 1, order_id: 42, newest_at },
    };
    expect(say(finding, new Date('2026-11-25T02:00:00Z')).todo).toMatch(/npm run ops -- show 42/);
  });

  test('when an event that was refused is out of sight: that it may not have been taken', () => {
    const details = { count: 2, event_id: 'evt_1', newest_at, reason: 'It is unreadable.' };
    const { todo } = say({ cause: 'event_refused', details }, new Date('2026-11-25T02:00:00Z'));
    expect(todo).toMatch(/npm run ops -- show evt_1 .* refused_events .* ship it by hand/);
  });
});
