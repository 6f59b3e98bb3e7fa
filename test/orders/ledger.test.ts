import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { type Knex, openPool } from '../../src/db/knex.ts';
import { type Ledger, type News, openLedger, type Recorded } from '../../src/orders/ledger.ts';
import type { StripeEvent } from '../../src/stripe/event.ts';
import { contentsOf, createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { newsOf, recordEvent } from '../support/news.ts';
import { insertOrder } from '../support/orders.ts';
import { untilWaiting } from '../support/process.ts';
import { checkoutSession, type EventJson, events, stripeEvent } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, url } = await createTestDatabase();
let record: Ledger;
beforeEach(() => {
  record = openLedger(db);
});

/** News that nobody handles, with these bytes in place of the event's own. */
function carrying(payload: Buffer): News {
  const event = stripeEvent('charge.updated', { id: 'ch_1', object: 'charge' }) as unknown as StripeEvent;
  return { source: 'webhook', signed: { event, payload }, request: null };
}

/** Where an order stands and what it owes, without the ids and times that differ from run to run. */
async function stateOf(sessionId: string) {
  const order = await db('orders').where({ checkout_session_id: sessionId }).first();
  const transitions = await db('order_transitions')
    .where({ order_id: order?.id ?? 0 })
    .orderBy('id');
  const fulfillments = await db('fulfillments').where({ order_id: order?.id ?? 0 });
  const notifications = await db('notifications').where({ order_id: order?.id ?? 0 });
  return { order, transitions, fulfillments, notifications };
}

describe('one event', () => {
  test('is committed with everything that it changes', async () => {
    const session = checkoutSession();
    const event = events.completedPaid(session);
    expect(await record(newsOf(event))).toMatchObject({
      outcome: 'applied',
      duplicate: false,
      moved_to: 'paid',
    });

    const { order, transitions, fulfillments, notifications } = await stateOf(session.id);
    expect(order).toMatchObject({
      status: 'paid',
      amount_total: 6498,
      customer_email: 'jenny@example.com',
      metadata: { cart: '2041' },
      failed_at: null,
    });
    expect(order.paid_at).toEqual(order.created_at);
    expect(transitions).toMatchObject([
      { from_status: null, to_status: 'paid', event_id: event.id, source: 'webhook' },
    ]);
    expect(fulfillments).toMatchObject([{ event_id: event.id, status: 'pending', attempts: 0 }]);
    expect(notifications).toEqual([]);
    const kept = await db('stripe_events').where({ id: event.id }).first();
    expect(kept).toMatchObject({
      type: 'checkout.session.completed',
      api_version: '2026-10-28.endive',
      livemode: false,
      account: null,
      checkout_session_id: session.id,
      outcome: 'applied',
      payload: event,
      created_at: new Date((event.created as number) * 1_000),
    });
  });

  test('of a connected account is kept with it, and so is its order', async () => {
    const event = { ...events.completedPaid(checkoutSession()), account: 'acct_7' };
    const { order_id } = await record(newsOf(event));
    expect(await db('stripe_events').where({ id: event.id }).first()).toMatchObject({ account: 'acct_7' });
    expect(await db('orders').where({ id: order_id }).first()).toMatchObject({ account: 'acct_7' });
  });

  test.each([
    ['off', 'on'],
    ['local', 'local'],
  ])('is written by its commit, whatever the database says (%s)', async (given, taken) => {
    await db.transaction(async (trx) => {
      await trx.raw(`set local synchronous_commit = ${given}`);
      await recordEvent(trx, events.completedPaid(checkoutSession()));
      const { rows } = await trx.raw('show synchronous_commit');
      expect(rows).toEqual([{ synchronous_commit: taken }]);
    });
  });

  test('that is not ours changes nothing but its own row', async () => {
    const before = await contentsOf(db);
    const event = stripeEvent('charge.refunded', { id: 'ch_1', object: 'charge' });
    expect(await record(newsOf(event))).toEqual({
      outcome: 'ignored',
      duplicate: false,
      order_id: null,
      moved_to: null,
    });
    const { events: kept, ...others } = await contentsOf(db);
    const { events: _, ...othersBefore } = before;
    expect(others).toEqual(othersBefore);
    expect(kept.find(({ id }) => id === event.id)).toMatchObject({
      outcome: 'ignored',
      checkout_session_id: null,
    });
    const version = () => db('stripe_events').where({ id: event.id }).select(db.raw('xmin::text'));
    const written = await version();
    expect(await record(newsOf(event))).toMatchObject({ outcome: 'ignored', duplicate: true });
    expect(await version()).toEqual(written);
  });

  test('keeps a payload to the letter, whatever text stands in it', async () => {
    const event = stripeEvent('charge.refunded', {
      id: 'ch_2',
      object: 'charge',
      note: 'a\0b \ud800 "quoted" \\ é',
    });
    await record(newsOf(event));
    const [{ payload }] = await db('stripe_events').where({ id: event.id }).select(db.raw('payload::text'));
    expect(payload).toBe(JSON.stringify(event));
  });

  test('that was ignored once, and is ours now, moves its order and says so', async () => {
    const session = checkoutSession();
    const event = events.completedPaid(session);
    await record({ ...newsOf(event), request: null });
    expect(await db('stripe_events').where({ id: event.id }).first()).toMatchObject({
      outcome: 'ignored',
      checkout_session_id: session.id,
    });
    expect(await record(newsOf(event))).toMatchObject({
      outcome: 'applied',
      duplicate: true,
      moved_to: 'paid',
    });
    expect(await db('stripe_events').where({ id: event.id }).first()).toMatchObject({ outcome: 'applied' });
  });

  test.each([
    ['comes too late by then', events.completedPaid, 'stale'],
    ['contradicts its order by then', events.asyncFailed, 'conflict'],
  ])('that was ignored once, and %s, says so', async (_case, eventOf, outcome) => {
    const session = checkoutSession();
    await record(newsOf(events.asyncSucceeded(session)));
    const event = eventOf(session);
    await record({ ...newsOf(event), request: null });
    expect(await record(newsOf(event))).toMatchObject({ outcome, duplicate: true, moved_to: null });
    expect(await db('stripe_events').where({ id: event.id }).first()).toMatchObject({ outcome });
  });

  test('that came too late once, and moves its order now that somebody has deleted it, says so', async () => {
    const session = checkoutSession();
    const event = events.completedPaid(session);
    const { order_id } = await record(newsOf(events.asyncSucceeded(session)));
    expect(await record(newsOf(event))).toMatchObject({ outcome: 'stale' });
    for (const table of ['fulfillments', 'order_transitions']) await db(table).where({ order_id }).del();
    await db('orders').where({ id: order_id }).del();
    expect(await record(newsOf(event))).toMatchObject({ duplicate: true, moved_to: 'paid' });
    expect(await db('stripe_events').where({ id: event.id }).first()).toMatchObject({ outcome: 'applied' });
  });

  test.each([
    ['applied', events.completedPaid],
    ['conflict', events.asyncFailed],
  ])('that was %s says so for good', async (outcome, eventOf) => {
    const session = checkoutSession();
    if (outcome === 'conflict') await record(newsOf(events.completedPaid(session)));
    const event = eventOf(session);
    await record(newsOf(event));
    await record(newsOf(event));
    await record({ ...newsOf(event), request: null });
    expect(await db('stripe_events').where({ id: event.id }).first()).toMatchObject({ outcome });
  });
});

test('what the API says of a session goes the same way, without an event', async () => {
  const session = checkoutSession();
  const { request } = newsOf(events.completedPaid(session));
  const recorded = await record({ source: 'landing_page', signed: null, request });
  expect(recorded).toMatchObject({ outcome: 'applied', duplicate: false, moved_to: 'paid' });
  const { order, transitions, fulfillments } = await stateOf(session.id);
  expect(order.status).toBe('paid');
  expect(transitions).toMatchObject([{ source: 'landing_page', event_id: null }]);
  expect(fulfillments).toMatchObject([{ event_id: null, status: 'pending' }]);
});

describe('any order of arrival, with repeats, one by one or at once', () => {
  type Kind = 'completedPaid' | 'completedUnpaid' | 'asyncSucceeded' | 'asyncFailed';
  const kinds: Kind[] = ['completedPaid', 'completedUnpaid', 'asyncSucceeded', 'asyncFailed'];

  /** Two event ids for each change, and any number of deliveries of each, in any order. */
  const deliveries = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(1)), {
    minLength: 1,
    maxLength: 12,
  });

  test('ends in the same rows', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, fc.boolean(), async (sequence, atOnce) => {
        const session = checkoutSession();
        const made = new Map<string, EventJson>();
        const news = sequence.map(([kind, copy]) => {
          const key = `${kind}${copy}`;
          const event = made.get(key) ?? events[kind](session);
          made.set(key, event);
          return newsOf(event);
        });
        if (atOnce) await Promise.all(news.map((one) => record(one)));
        else for (const one of news) await record(one);

        const arrived = new Set(sequence.map(([kind]) => kind));
        const paid = arrived.has('completedPaid') || arrived.has('asyncSucceeded');
        const expected = paid ? 'paid' : arrived.has('asyncFailed') ? 'failed' : 'awaiting_payment';
        const { order, transitions, fulfillments, notifications } = await stateOf(session.id);
        expect(order.status).toBe(expected);
        expect(fulfillments).toHaveLength(paid ? 1 : 0);
        expect(notifications).toHaveLength(transitions.filter((t) => t.to_status === 'failed').length);
        // The transitions are one unbroken path from nothing to where the order is.
        expect(transitions.map((t) => t.from_status)).toEqual([
          null,
          ...transitions.map((t) => t.to_status).slice(0, -1),
        ]);
        expect(transitions.at(-1)?.to_status).toBe(expected);
        const kept = await db('stripe_events').where({ checkout_session_id: session.id });
        expect(kept.map(({ id }) => id).sort()).toEqual([...made.values()].map(({ id }) => id).sort());
        // Each move has its event, and no other event is `applied`.
        const applied = kept.filter(({ outcome }) => outcome === 'applied').map(({ id }) => id);
        expect(transitions.map((t) => t.event_id).sort()).toEqual(applied.sort());
      }),
      { numRuns: 60 },
    );
  });

  test('100 copies of one event at once are one order and one fulfillment', async () => {
    const session = checkoutSession();
    const news = newsOf(events.completedPaid(session));
    const recorded = await Promise.all(Array.from({ length: 100 }, () => record(news)));
    expect(recorded.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    const { transitions, fulfillments } = await stateOf(session.id);
    expect([transitions.length, fulfillments.length]).toEqual([1, 1]);
  });
});

describe('two processes at once', () => {
  /** What becomes of the second, which comes to another process and waits for the first one's transaction. */
  async function recordBeside(first: EventJson, second: EventJson): Promise<Recorded> {
    const other = openPool(url, { kind: 'web', max: 2, log: silent });
    const trx = await db.transaction();
    try {
      await openLedger(trx)(newsOf(first));
      const waiting = openLedger(other)(newsOf(second));
      await untilWaiting(db, 'web', 1);
      await trx.commit();
      return await waiting;
    } finally {
      if (!trx.isCompleted()) await trx.rollback();
      await other.destroy();
    }
  }

  test('both create the order: the later one sees the earlier one', async () => {
    const session = checkoutSession();
    const result = await recordBeside(events.completedUnpaid(session), events.asyncSucceeded(session));
    expect(result).toMatchObject({ outcome: 'applied', moved_to: 'paid' });
    const { transitions, fulfillments } = await stateOf(session.id);
    expect(transitions.map((t) => [t.from_status, t.to_status])).toEqual([
      [null, 'awaiting_payment'],
      ['awaiting_payment', 'paid'],
    ]);
    expect(fulfillments).toHaveLength(1);
  });

  test('both move the order: the later move starts where the earlier one ended', async () => {
    const session = checkoutSession();
    await record(newsOf(events.completedUnpaid(session)));
    const result = await recordBeside(events.asyncFailed(session), events.asyncSucceeded(session));
    expect(result).toMatchObject({ outcome: 'applied', moved_to: 'paid' });
    const { transitions, notifications } = await stateOf(session.id);
    expect(transitions.map((t) => t.from_status)).toEqual([null, 'awaiting_payment', 'failed']);
    expect(notifications).toHaveLength(1);
  });

  test('both pay the order: one fulfillment', async () => {
    const session = checkoutSession();
    await record(newsOf(events.completedUnpaid(session)));
    const result = await recordBeside(events.asyncSucceeded(session), events.completedPaid(session));
    expect(result).toMatchObject({ outcome: 'stale', moved_to: null, duplicate: false });
    expect((await stateOf(session.id)).fulfillments).toHaveLength(1);
  });

  test('both get the same event: one of them records it', async () => {
    const session = checkoutSession();
    const event = events.completedPaid(session);
    const result = await recordBeside(event, event);
    expect(result).toMatchObject({ outcome: 'stale', duplicate: true });
    expect(await db('stripe_events').where({ id: event.id })).toMatchObject([{ outcome: 'applied' }]);
    expect((await stateOf(session.id)).fulfillments).toHaveLength(1);
  });

  test('a failure while another pays the order waits for it, and is a conflict', async () => {
    const session = checkoutSession();
    await record(newsOf(events.asyncFailed(session)));
    const result = await recordBeside(events.asyncSucceeded(session), events.asyncFailed(session));
    expect(result).toMatchObject({ outcome: 'conflict', moved_to: null });
  });
});

test('what only refers to an order, as a failed attempt does, does not wait for news of it', async () => {
  const session = checkoutSession();
  const { order_id } = await record(newsOf(events.completedPaid(session)));
  const other = await db.transaction();
  await openLedger(other)(newsOf(events.asyncSucceeded(session)));
  await db('failed_attempts').insert({ work: 'fulfillments', work_id: 1, order_id, attempt: 1, error: 'no' });
  await other.rollback();
});

test('no table is read as a whole, though a small one is read so sooner: the plan stays as the tables grow', async () => {
  const pool = openPool(url, { kind: 'web', max: 1, log: silent });
  try {
    await pool.transaction(async (trx) => {
      await recordEvent(trx, events.completedPaid(checkoutSession()));
      expect(await trx('pg_stat_xact_user_tables').where('seq_scan', '>', 0).pluck('relname')).toEqual([]);
    });
  } finally {
    await pool.destroy();
  }
});

describe('whatever the order of a batch, no two batches wait for each other:', () => {
  /** In one batch: a third one goes ahead of it. */
  const recordTogether = (...both: EventJson[]) =>
    Promise.all([events.completedPaid(checkoutSession()), ...both].map((event) => record(newsOf(event))));

  test('orders are locked in the order of their ids', async () => {
    const [first, second] = [checkoutSession({ id: 'cs_test_b' }), checkoutSession({ id: 'cs_test_a' })];
    for (const session of [first, second]) await record(newsOf(events.completedUnpaid(session)));
    // So that they do not lie in the order of their ids either.
    await db('orders').where({ checkout_session_id: first.id }).update({ client_reference_id: 'moved' });
    const other = await db.transaction();
    const lock = ({ id }: { id: string }) =>
      other('orders').where({ checkout_session_id: id }).forUpdate().noWait();
    await lock(first);
    const recording = recordTogether(events.asyncSucceeded(second), events.asyncSucceeded(first));
    await untilWaiting(db, 'worker', 1);
    await lock(second);
    await other.rollback();
    expect(await recording).toMatchObject(Array(3).fill({ moved_to: 'paid' }));
  });

  test.each([
    [
      'orders are made in the order of their sessions',
      (id: string) => events.completedPaid(checkoutSession({ id: `cs_test_${id}` })),
      (trx: Knex, { data }: EventJson) => insertOrder(trx, { checkout_session_id: data.object.id }),
    ],
    [
      'events are recorded in the order of their ids',
      (id: string) => stripeEvent('charge.updated', { object: 'charge' }, { id: `evt_${id}` }),
      (trx: Knex, { id, type }: EventJson) =>
        trx('stripe_events').insert({
          id,
          type,
          livemode: false,
          created_at: new Date(),
          outcome: 'ignored',
        }),
    ],
  ])('%s', async (_what, make, insert) => {
    const [first, second] = [make('1'), make('2')];
    const other = await db.transaction();
    await other.raw(`set local lock_timeout = '500ms'`);
    await insert(other, first);
    const recording = recordTogether(second, first);
    await untilWaiting(db, 'worker', 1);
    await insert(other, second);
    await other.commit();
    expect((await recording).slice(1)).toMatchObject(Array(2).fill({ moved_to: null }));
  });
});

test('an order that moves is as one that is made of the session as it is by then', async () => {
  const said = {
    amount_subtotal: 1,
    amount_total: 2,
    currency: 'eur',
    customer_details: { email: 'noah@example.com', name: 'Noah', phone: '+15551234567' },
    payment_link: 'plink_1',
    presentment_details: { presentment_amount: 3, presentment_currency: 'gbp' },
    subscription: 'sub_1',
  };
  const { id, object, mode } = checkoutSession();
  await record(newsOf(events.completedUnpaid({ id, object, mode })));
  await record(newsOf(events.asyncSucceeded(checkoutSession({ id, ...said }))));
  const twin = checkoutSession(said);
  await record(newsOf(events.completedPaid(twin)));
  const saidOf = async (sessionId: string) => {
    const { order } = await stateOf(sessionId);
    const { id, checkout_session_id, created_at, updated_at, paid_at, ...all } = order;
    return all;
  };
  const all = await saidOf(id);
  expect(all).toEqual(await saidOf(twin.id));
  expect(Object.keys(all).filter((column) => all[column] === null)).toEqual(['account', 'failed_at']);
  // By the database, since both may be of one millisecond.
  const moved = db('orders').where({ checkout_session_id: id }).whereRaw('updated_at > created_at');
  expect(await moved).toHaveLength(1);
});

describe('an order that another process keeps creating first', () => {
  /** For so many attempts to create it, somebody else's order is in the way, and gone again when it is looked for. */
  async function outrun(sessionId: string, times: number) {
    await db.raw(`
      create sequence attempts;
      create function outrun() returns trigger language plpgsql as $$
      begin return case when nextval('attempts') > ${times} then new end; end $$;
      create trigger outrun before insert on orders for each row
        when (new.checkout_session_id = '${sessionId}') execute function outrun();
    `);
    return async () => {
      const { rows } = await db.raw('select last_value as attempts from attempts');
      await db.raw('drop function outrun cascade; drop sequence attempts');
      return rows[0].attempts as number;
    };
  }

  test('is asked for again, alone, while the others of its batch keep their results', async () => {
    const [first, outrunOne, last] = [checkoutSession(), checkoutSession(), checkoutSession()];
    const attempts = await outrun(outrunOne.id, 2);
    // One goes at once, the others share a batch.
    const recorded = await Promise.all(
      [checkoutSession(), first, outrunOne, last].map((session) =>
        record(newsOf(events.completedPaid(session))),
      ),
    );
    expect(await attempts()).toBe(3);
    const orders = await Promise.all(
      [first, outrunOne, last].map(async ({ id }) => (await stateOf(id)).order),
    );
    expect(recorded.slice(1)).toEqual(
      orders.map(({ id }) => ({ outcome: 'applied', duplicate: false, order_id: id, moved_to: 'paid' })),
    );
  });

  test('is given up after three rounds, with nothing kept, for Stripe to come again', async () => {
    const session = checkoutSession();
    const attempts = await outrun(session.id, 1_000);
    const before = await contentsOf(db);
    await expect(record(newsOf(events.completedPaid(session)))).rejects.toThrow(
      'keep changing the same orders',
    );
    expect(await attempts()).toBe(3);
    expect(await contentsOf(db)).toEqual(before);
  });
});

describe('deliveries that arrive together', () => {
  /** The transactions that recorded these events. */
  const commitsOf = async (ids: readonly string[]) =>
    new Set(await db('stripe_events').whereIn('id', ids).select(db.raw('xmin::text')).pluck('xmin')).size;

  test('share a commit, but for the first, which is on its way already', async () => {
    const crowd = [
      ...Array.from({ length: 10 }, () => events.completedPaid(checkoutSession())),
      ...Array.from({ length: 10 }, (_, n) =>
        stripeEvent('charge.updated', { id: `ch_${n}`, object: 'charge' }),
      ),
    ];
    const sizes: number[] = [];
    const counted = openLedger(db, (size) => sizes.push(size));
    await Promise.all(crowd.map((event) => counted(newsOf(event))));
    expect(await commitsOf(crowd.map(({ id }) => id))).toBe(2);
    expect(sizes).toEqual([1, 19]);
  });

  test('wait for each other where they are about one session', async () => {
    const session = checkoutSession();
    const three = [
      events.completedUnpaid(session),
      events.asyncFailed(session),
      events.asyncSucceeded(session),
    ];
    await Promise.all(three.map((event) => record(newsOf(event))));
    expect(await commitsOf(three.map(({ id }) => id))).toBe(3);
  });

  test('are refused at once beyond 24 MiB that wait; what the API said takes little of it', async () => {
    const payload = Buffer.from(JSON.stringify('x'.repeat(1024 * 1024 - 2)));
    const large = () => carrying(payload);
    const outcomes: string[] = [];
    const send = (news: News) =>
      record(news).then(
        ({ outcome }) => outcomes.push(outcome),
        ({ name }) => outcomes.push(name),
      );
    const { request } = newsOf(events.completedPaid(checkoutSession()));
    const held = await db.transaction();
    try {
      await held.raw('lock table stripe_events in access exclusive mode');
      const sent = [
        ...Array.from({ length: 13 }, () => send(large())),
        send({ source: 'landing_page', signed: null, request }),
      ];
      await until('one is refused', () => outcomes.length > 0);
      // One is being committed, eleven wait, and so does the small one.
      expect(outcomes).toEqual(['Unavailable']);
      await held.commit();
      await Promise.all(sent);
    } finally {
      if (!held.isCompleted()) await held.rollback();
    }
    expect(outcomes.toSorted()).toEqual(['Unavailable', 'applied', ...Array(12).fill('ignored')]);
  });
});

describe('an event that PostgreSQL can not hold', () => {
  const tooDeep = () => carrying(Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)));
  const refused = {
    name: 'BadRequest',
    code: 'event_unstorable',
    message: "PostgreSQL can't hold the event's data (SQLSTATE 54001).",
  };

  test('is refused, and its sender told', async () => {
    await expect(record(tooDeep())).rejects.toMatchObject(refused);
  });

  test('hurts nobody else of its batch', async () => {
    const sound = Array.from({ length: 6 }, () => newsOf(events.completedPaid(checkoutSession())));
    const results = await Promise.allSettled(
      [...sound.slice(0, 3), tooDeep(), ...sound.slice(3)].map((news) => record(news)),
    );
    const applied = { status: 'fulfilled', value: { outcome: 'applied' } };
    expect(results).toMatchObject([
      ...Array(3).fill(applied),
      { status: 'rejected', reason: refused },
      ...Array(3).fill(applied),
    ]);
  });
});

test('who has waited too long when a batch falls apart is told to come again, and nothing of theirs is kept', async () => {
  db.client.once('query-error', () => {
    const later = performance.now() + 4_000;
    jest.spyOn(performance, 'now').mockReturnValue(later);
  });
  const news = [events.completedPaid(checkoutSession()), events.completedPaid(checkoutSession())].map(
    (event) => newsOf(event),
  );
  const results = await Promise.allSettled(
    [news[0], carrying(Buffer.from('[')), news[1]].map((one) => record(one as News)),
  ).finally(() => jest.restoreAllMocks());
  expect(results).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { name: 'Unavailable' } },
    { status: 'rejected', reason: { name: 'Unavailable' } },
  ]);
  expect(await db('stripe_events').where({ id: news[1]?.signed?.event.id })).toEqual([]);
});

describe('an id that has come with another session', () => {
  const reused = {
    name: 'BadRequest',
    code: 'event_id_reused',
    message: expect.stringContaining('another session'),
  };

  test.each<[string, EventJson[]]>([
    ['made its order paid', [events.completedPaid(checkoutSession())]],
    ['made its order wait', [events.completedUnpaid(checkoutSession())]],
    ['was a failed payment', [events.asyncFailed(checkoutSession())]],
    ['was not handled', [stripeEvent('charge.updated', { id: 'ch_1', object: 'charge' })]],
    [
      'came too late',
      [events.completedPaid, events.completedUnpaid].map((of) => of({ ...checkoutSession(), id: 'cs_late' })),
    ],
  ])('is refused where it %s, and nothing of it kept', async (_, given) => {
    for (const event of given) await record(newsOf(event));
    const before = await contentsOf(db);
    const again = { ...events.completedPaid(checkoutSession()), id: given.at(-1)?.id as string };
    await expect(record(newsOf(again))).rejects.toMatchObject(reused);
    expect(await contentsOf(db)).toEqual(before);
  });

  test('is refused though somebody has cleared its event away, where that had made an order paid', async () => {
    const event = events.completedPaid(checkoutSession());
    await record(newsOf(event));
    await db('stripe_events').where({ id: event.id }).del();
    const before = await contentsOf(db);
    const again = { ...events.completedPaid(checkoutSession()), id: event.id };
    await expect(record(newsOf(again))).rejects.toMatchObject(reused);
    expect(await contentsOf(db)).toEqual(before);
  });

  test('is refused beside it in one batch', async () => {
    const [first, second] = [checkoutSession(), checkoutSession()].map(events.completedUnpaid);
    const results = await Promise.allSettled(
      [first, { ...second, id: first?.id }].map((event) => record(newsOf(event as EventJson))),
    );
    expect(results).toMatchObject([
      { status: 'fulfilled', value: { outcome: 'applied' } },
      { status: 'rejected', reason: reused },
    ]);
  });
});

describe('a poison event', () => {
  test('hurts only itself, and leaves nothing behind', async () => {
    await db.raw(`
      create function poison() returns trigger language plpgsql as $$ begin raise 'poison'; end $$;
      create trigger poison before insert on orders for each row when (new.client_reference_id = 'poison') execute function poison();
    `);
    const poison = events.completedPaid(checkoutSession({ client_reference_id: 'poison' }));
    const sound = Array.from({ length: 20 }, () => events.completedPaid(checkoutSession()));
    const results = await Promise.allSettled(
      [...sound.slice(0, 10), poison, ...sound.slice(10)].map((e) => record(newsOf(e))),
    );

    expect(results.map(({ status }) => status)).toEqual([
      ...Array(10).fill('fulfilled'),
      'rejected',
      ...Array(10).fill('fulfilled'),
    ]);
    // No fault of the sender's: Stripe keeps it and comes again.
    expect(results[10]).toMatchObject({
      reason: { code: 'P0001', message: expect.stringContaining('poison') },
    });
    expect(await db('stripe_events').where({ id: poison.id })).toEqual([]);
    expect(
      await db('stripe_events').whereIn(
        'id',
        sound.map(({ id }) => id),
      ),
    ).toHaveLength(20);
  });
});
