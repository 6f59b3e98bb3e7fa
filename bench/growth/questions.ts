import type { Knex } from '../../src/db/knex.ts';
import { fulfillments } from '../../src/fulfillment/fulfill.ts';
import { notifications } from '../../src/notifications/notify.ts';
import { emptyOldPayloads, STEP } from '../../src/orders/retention.ts';
import { claim } from '../../src/work/queue.ts';

/** A question, put to whatever stands for the database: the bench has each explained. */
export interface Question {
  readonly name: string;
  readonly ask: (db: Pick<Knex, 'raw'>) => PromiseLike<unknown>;
}

/** An order in the middle of the year, to ask about. */
interface Known {
  readonly id: number;
  readonly checkout_session_id: string;
  readonly customer_email: string;
  readonly created_at: Date;
  readonly event_id: string;
}

const PAGE = 50;

/** What operators ask: the README's queries as they stand there, what else a person looks up, and the worker's own. */
export async function questionsAbout(db: Knex): Promise<readonly Question[]> {
  const { rows } = await db.raw<{ rows: [Known] }>(
    `select o.*, t.event_id from orders o join order_transitions t on t.order_id = o.id
     where o.id = (select max(id) / 2 from orders)`,
  );
  const [known] = rows;
  const asked = (name: string, sql: string, bindings: Readonly<Record<string, unknown>> = {}): Question => ({
    name,
    ask: (db) => db.raw(sql, bindings as Knex.ValueDict),
  });
  const newest = (status: string) =>
    asked(
      `newest orders, ${status}`,
      'select * from orders where status = :status order by created_at desc, id desc limit :page',
      { status, page: PAGE },
    );
  const older = (status: string) =>
    asked(
      `the page of ${status} orders half a year ago`,
      `select * from orders where status = :status and (created_at, id) < (:created_at, :id)
       order by created_at desc, id desc limit :page`,
      { status, created_at: known.created_at, id: known.id, page: PAGE },
    );
  const worker = { limit: 10, maxAttempts: 12 };
  return [
    asked(
      'what came in today (README)',
      'select status, currency, count(*), sum(amount_total) from orders where created_at >= current_date group by 1, 2',
    ),
    asked(
      'paid but not fulfilled, and why (README)',
      `select o.id, o.checkout_session_id, now() - o.paid_at as waiting, f.status, f.attempts, f.next_attempt_at, f.last_error
       from orders o join fulfillments f on f.order_id = o.id where f.status <> 'fulfilled' order by o.paid_at`,
    ),
    asked(
      "what happened to a customer's orders (README)",
      `select o.id, t.from_status, t.to_status, t.occurred_at, t.event_id
       from orders o join order_transitions t on t.order_id = o.id where o.customer_email = :customer_email order by t.id`,
      { customer_email: known.customer_email },
    ),
    asked(
      'try the dead orders again (README)',
      `update fulfillments set status = 'pending', attempts = 0, next_attempt_at = now() where status = 'dead'`,
    ),
    asked(
      'delayed payments open for a week (README)',
      `select id, checkout_session_id, customer_email, amount_total, currency, created_at from orders
       where status = 'awaiting_payment' and created_at < now() - interval '7 days'`,
    ),
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
    asked(
      "a customer's orders, newest first",
      'select * from orders where customer_email = :customer_email order by created_at desc',
      { customer_email: known.customer_email },
    ),
    asked(
      'customers whose address begins so',
      `select * from orders where customer_email like :beginning order by created_at desc limit :page`,
      { beginning: `${known.customer_email.slice(0, 5)}%`, page: PAGE },
    ),
    newest('paid'),
    newest('awaiting_payment'),
    newest('failed'),
    older('paid'),
    older('failed'),
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
    { name: 'claim fulfillments (worker)', ask: (db) => claim(db as Knex, fulfillments, worker) },
    { name: 'claim notifications (worker)', ask: (db) => claim(db as Knex, notifications, worker) },
    {
      name: 'a step of the retention job (worker)',
      ask: (db) => emptyOldPayloads(db as Knex, { days: 90, limit: STEP }),
    },
  ];
}
