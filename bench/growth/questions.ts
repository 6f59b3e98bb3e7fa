import type { Knex } from '../../src/db/knex.ts';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { notifications } from '../../src/notifications/notify.ts';
import { listEvents } from '../../src/ops/events.ts';
import { orderFilterShape } from '../../src/ops/order-filter.ts';
import { listOrders } from '../../src/ops/orders.ts';
import { historyOf, shopStandingOf } from '../../src/ops/overview.ts';
import { timelineOf } from '../../src/ops/timeline.ts';
import { standingConflicts } from '../../src/orders/conflicts.ts';
import { ignoredLiveSessions } from '../../src/orders/ignored.ts';
import { standingRefusals } from '../../src/orders/refused.ts';
import { emptyOldPayloads, STEP } from '../../src/orders/retention.ts';
import { missedWebhooks } from '../../src/reconcile/missed.ts';
import { claim, type Queue } from '../../src/work/queue.ts';
import { readmeStatements } from '../support/readme.ts';

/** A question, put to what stands for the database (it takes raw statements alone): the bench has each explained. */
export interface Question {
  readonly name: string;
  readonly ask: (db: Knex) => PromiseLike<unknown>;
}

/** An order in the middle of the year, to ask about. */
interface Known {
  readonly id: number;
  readonly checkout_session_id: string;
  readonly customer_email: string;
  readonly client_reference_id: string;
  /** In the list of orders. */
  readonly place: string;
  readonly event_id: string;
}

const PAGE = 50;
const ZONE = 'Europe/Berlin';

/** What operators ask: the README's queries as they stand there, what else a person looks up, and the worker's own. */
export async function questionsAbout(db: Knex): Promise<readonly Question[]> {
  const { rows } = await db.raw<{ rows: [Known] }>(
    `select o.*, (extract(epoch from o.created_at) * 1000000)::bigint || '_' || o.id as place, t.event_id from orders o join order_transitions t on t.order_id = o.id
     where o.id = (select max(id) / 2 from orders)`,
  );
  const [known] = rows;
  const asked = (name: string, sql: string, bindings: Knex.ValueDict = {}): Question => ({
    name,
    ask: (db) => db.raw(sql, bindings),
  });
  const listed = (
    name: string,
    given: Readonly<Record<string, string>>,
    after: string | null = null,
  ): Question => ({
    name: `orders, ${name}`,
    ask: (db) => listOrders(db, orderFilterShape(ZONE).parse(given), { limit: PAGE, after }),
  });
  return [
    ...readmeStatements().map((sql) => asked(`README: ${sql.replaceAll(/\s+/g, ' ').slice(0, 36)}…`, sql)),
    asked('the order of a session', 'select * from orders where checkout_session_id = :checkout_session_id', {
      checkout_session_id: known.checkout_session_id,
    }),
    asked(
      'the events of a session',
      'select * from stripe_events where checkout_session_id = :checkout_session_id order by received_at',
      { checkout_session_id: known.checkout_session_id },
    ),
    asked('an event', 'select * from stripe_events where id = :event_id', { event_id: known.event_id }),
    asked(
      'the newest events',
      'select * from stripe_events where payload is not null order by received_at desc limit :page',
      { page: PAGE },
    ),
    listed('newest', {}),
    listed('half a year ago', {}, known.place),
    listed('paid, half a year ago', { status: 'paid' }, known.place),
    listed('failed', { status: 'failed' }),
    listed('failed, half a year ago', { status: 'failed' }, known.place),
    listed('awaiting payment for a week', { status: 'awaiting_payment', until: '7d' }),
    listed('fulfilled, half a year ago', { fulfillment: 'fulfilled' }, known.place),
    listed('owed', { fulfillment: 'pending' }),
    listed('dead', { fulfillment: 'dead' }),
    listed('stuck', { fulfillment: 'stuck' }),
    listed('stuck, half a year ago', { fulfillment: 'stuck' }, known.place),
    listed('a customer', { email: known.customer_email }),
    listed('addresses that begin so', { email: known.customer_email.slice(0, 3) }),
    listed('addresses with that letter', { email: known.customer_email.slice(0, 1) }),
    listed('... that failed', { email: known.customer_email.slice(0, 1), status: 'failed' }),
    listed('a reference', { reference: known.client_reference_id }),
    listed('an amount', { amount: '74.55 usd' }),
    listed('an amount that nobody paid', { amount: '12345.67' }),
    listed('an amount that failed', { amount: '74.55', status: 'failed' }),
    listed('an amount of ten days', { amount: '74.55', since: '200d', until: '190d' }),
    listed('ten days', { since: '200d', until: '190d' }),
    listed('failed in ten days', { status: 'failed', since: '200d', until: '190d' }),
    listed('of a session', { session: known.checkout_session_id }),
    listed('of an event', { event: known.event_id }),
    { name: "an order's time line", ask: (db) => timelineOf(db, known.id) },
    asked('the items of an order', 'select * from order_line_items where order_id = :id order by position', {
      id: known.id,
    }),
    asked('dead fulfillments', `select * from fulfillments where status = 'dead' order by id limit :page`, {
      page: PAGE,
    }),
    asked('dead notifications', `select * from notifications where status = 'dead' order by id limit :page`, {
      page: PAGE,
    }),
    asked(
      'the order that waits longest',
      `select o.id, now() - o.paid_at as waiting from fulfillments f join orders o on o.id = f.order_id
       where f.status <> 'fulfilled' order by o.paid_at limit 1`,
    ),
    asked(
      'how much is owed',
      `select status, count(*), min(created_at) from fulfillments where status <> 'fulfilled' group by 1`,
    ),
    { name: 'how the shop stands', ask: (db) => shopStandingOf(db, ZONE, new Date()) },
    { name: 'the last 24 hours', ask: (db) => historyOf(db, '24h', ZONE, new Date()) },
    { name: 'the last 30 days', ask: (db) => historyOf(db, '30d', ZONE, new Date()) },
    {
      name: 'events, newest',
      ask: (db) => listEvents(db, { conflicts: false }, { limit: PAGE, after: null }),
    },
    {
      name: 'events, conflicts',
      ask: (db) => listEvents(db, { conflicts: true }, { limit: PAGE, after: null }),
    },
    { name: 'refused events that stand', ask: (db) => standingRefusals(db) },
    { name: 'live sessions that a test key ignores', ask: (db) => ignoredLiveSessions(db) },
    { name: 'conflicts that stand', ask: (db) => standingConflicts(db) },
    { name: 'webhooks that were missed', ask: (db) => missedWebhooks(db) },
    claimOf(fulfillments),
    claimOf(notifications),
    {
      name: 'a step of the retention job (worker)',
      ask: (db) => emptyOldPayloads(db, { days: 90, limit: STEP }),
    },
  ];
}

/** What a worker asks for. */
export function claimOf(queue: Queue): Question {
  return {
    name: `claim ${queue.table} (worker)`,
    ask: (db) => claim(db, queue, { limit: 10, maxAttempts: 12 }),
  };
}
