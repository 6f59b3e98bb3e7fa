import { expect, test } from '@jest/globals';
import type { Knex } from '../../src/db/knex.ts';
import { inconsistencies } from '../support/audit.ts';
import { hold, spawnService, startSurroundings, untilWaiting } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { checkoutSession, type EventJson, events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, stripe, receiver, env } = await startSurroundings();

type Session = ReturnType<typeof checkoutSession>;

interface Race {
  /** Recorded before it begins. */
  readonly before: (session: Session) => EventJson[];
  /** Delivered while the page asks. */
  readonly events: (session: Session) => EventJson[];
  /** What Stripe tells the page. */
  readonly payment_status: 'paid' | 'unpaid';
  readonly ends: 'paid' | 'failed';
}

const races: readonly Race[] = [
  { before: () => [], events: (it) => [events.completedPaid(it)], payment_status: 'paid', ends: 'paid' },
  {
    before: () => [],
    events: (it) => [events.completedUnpaid(it), events.asyncSucceeded(it)],
    payment_status: 'paid',
    ends: 'paid',
  },
  {
    before: (it) => [events.completedUnpaid(it)],
    events: (it) => [events.asyncSucceeded(it)],
    payment_status: 'paid',
    ends: 'paid',
  },
  {
    before: (it) => [events.asyncFailed(it)],
    events: (it) => [events.completedPaid(it), events.asyncSucceeded(it)],
    payment_status: 'paid',
    ends: 'paid',
  },
  { before: () => [], events: (it) => [events.asyncFailed(it)], payment_status: 'unpaid', ends: 'failed' },
];

/** Neither gets past the session's order before both have looked for it. */
const untilBothHaveLooked =
  ({ id }: Session) =>
  (trx: Knex.Transaction) =>
    trx('orders')
      .insert({
        checkout_session_id: id,
        status: 'awaiting_payment',
        payment_status: 'unpaid',
        mode: 'payment',
        livemode: false,
      })
      .onConflict('checkout_session_id')
      .merge(['mode']);

/** For so long either waits for the order (src/db/limits.ts). A race that the machine holds up for longer is run, and not counted. */
const LOCK_TIMEOUT_MS = 2_000;

test('100 races of the landing page with the webhook, in two processes: one order, one transition into a status, one fulfillment', async () => {
  await using webhook = await spawnService({ ...env, OPS_TOKEN: 'token' });
  await using page = await spawnService({ ...env, OPS_TOKEN: 'token' });
  const headers = { authorization: 'Bearer token' };
  const ask = async ({ id }: Session) => {
    const answer = await fetch(`${page.url}/checkout-sessions/${id}/fulfill`, { method: 'POST', headers });
    const body = await answer.json();
    if (answer.ok) expect(body).toMatchObject({ checkout_session_id: id });
    return answer.status;
  };

  const run: { session: Session; race: Race }[] = [];
  for (let n = 0; n < 100; ) {
    const race = races[n % races.length] as Race;
    const session = checkoutSession({ payment_status: race.payment_status });
    stripe.keep(session, [lineItem(1), lineItem(2)]);
    for (const event of race.before(session)) expect(await deliver(webhook.url, event)).toBe(200);

    const sides: (() => Promise<number[]>)[] = [
      () => Promise.all(race.events(session).map((event) => deliver(webhook.url, event))),
      async () => [await ask(session)],
    ];
    const [first, second] = n % 2 === 0 ? sides : sides.toReversed();
    await using held = await hold(db, untilBothHaveLooked(session));
    const begin = performance.now();
    const isHeldUp = () => performance.now() - begin > LOCK_TIMEOUT_MS;
    const ahead = first?.();
    await untilWaiting(db, 'web', 1, isHeldUp);
    const behind = second?.();
    await untilWaiting(db, 'web', 2, isHeldUp);
    await held.release();
    if (isHeldUp()) {
      // What was refused comes again, from Stripe as from the page.
      await Promise.all([ahead, behind]);
      for (const side of sides)
        await until('it is taken', async () => (await side()).every((status) => status === 200));
    } else {
      for (const status of [await ahead, await behind].flat()) expect(status).toBe(200);
      n += 1;
    }
    run.push({ session, race });
  }

  const paid = run.filter(({ race }) => race.ends === 'paid').map(({ session }) => session.id);
  await until('all that is paid is fulfilled', async () => {
    const [row] = await db('fulfillments').where({ status: 'fulfilled' }).count({ n: '*' });
    return row?.n === paid.length;
  });
  const orders = await db('orders').select('checkout_session_id', 'status').orderBy('id');
  expect(orders.toSorted(bySession)).toEqual(
    run.map(({ session, race }) => ({ checkout_session_id: session.id, status: race.ends })).sort(bySession),
  );
  expect(await inconsistencies(db)).toEqual([]);
  expect(receiver.calls.map(({ id }) => id).sort()).toEqual(paid.sort());
  expect(receiver.calls.filter(({ id, idempotencyKey }) => id !== idempotencyKey)).toEqual([]);
  // Either side was the faster one now and then, so both orders of events have been seen.
  const sources = await db('order_transitions')
    .where({ to_status: 'paid' })
    .distinct('source')
    .pluck('source');
  expect(sources.sort()).toEqual(['landing_page', 'webhook']);
});

type WithSession = { checkout_session_id: string };
const bySession = (a: WithSession, b: WithSession) =>
  a.checkout_session_id < b.checkout_session_id ? -1 : 1;
