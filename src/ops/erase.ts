import type { Knex } from '../db/knex.ts';
import { removeMails } from '../notifications/mail-files.ts';
import { notifications } from '../notifications/notify.ts';
import { withdraw } from '../work/by-hand.ts';
import { LEASE_SECONDS } from '../work/queue.ts';
import { recordActions } from './actions.ts';
import { patternOf, type Traces } from './traces.ts';

export interface Erased {
  /** Ids of the orders that name the person no more. */
  readonly orders: readonly number[];
  /** How many events lost their payload. */
  readonly events: number;
  /** How many mails were owed or dead, and are owed no more. */
  readonly notifications: number;
  readonly mail_files: number;
}

interface Options {
  readonly email: string;
  readonly mailDir: string;
  readonly actor: string;
  /** Orders that are still owed something, too. */
  readonly force: boolean;
}

/**
 * Takes a person out of everything that is kept, for good; amounts and ids stay. Locks are taken as record_news takes
 * them, orders before events, so the two never wait for each other in a circle.
 * @throws when an order needs the person's data yet, and nothing was changed
 */
export async function erase(
  db: Knex,
  traces: Traces,
  { email, mailDir, actor, force }: Options,
): Promise<Erased> {
  return db.transaction(async (trx) => {
    // Orders that somebody has erased meanwhile are left out. From here on no event moves these. The lock is `no key`, since an
    // attempt that fails has its row locked and then refers to its order: with a full lock the two would wait in a circle.
    const { rows: orders } = await trx.raw<{ rows: { id: number; checkout_session_id: string }[] }>(
      `select id, checkout_session_id from orders
       where id = any (:ids) and lower(customer_email) = lower(:email)
       order by id
       for no key update`,
      { ids: traces.orders.map(({ id }) => id), email },
    );
    const ids = orders.map(({ id }) => id);
    const sessions = orders.map(({ checkout_session_id }) => checkout_session_id);
    // Whoever stores an order's items (storeLineItems) owes a receipt if there was an address when it began. By this lock it has
    // either ended, and the receipt is withdrawn below, or begins after the erasure. Without --force what is paid is fulfilled or
    // closed, and of that it keeps nothing.
    // It is a lock that one erasure has at a time: with `share`, two would have it, and each wait for the other to write there.
    if (force) await trx.raw('lock table order_line_items in share row exclusive mode');
    // In the order of their ids, as attempts that are settled together lock them. From here on no attempt begins.
    await trx.raw('select from fulfillments where order_id = any (:ids) order by id for update', { ids });
    await trx.raw('select from notifications where order_id = any (:ids) order by id for update', { ids });
    if (!force) await expectNothingOwed(trx, ids);

    await trx.raw(
      `update orders set
         customer_email = null, customer_name = null, customer_phone = null, shipping_details = null, custom_fields = null,
         metadata = null,
         client_reference_id = case when client_reference_id ~* :address then null else client_reference_id end,
         updated_at = now()
       where id = any (:ids)`,
      { ids, address: patternOf(email) },
    );
    await trx.raw('update order_line_items set metadata = null where order_id = any (:ids)', { ids });
    // A shop's own fulfiller may have said anything.
    await trx.raw('update fulfillments set last_error = null where order_id = any (:ids)', { ids });
    await trx.raw(`update failed_attempts set error = 'erased' where order_id = any (:ids)`, { ids });
    const withdrawn = await withdraw(trx, notifications, ids);
    // In the order of their ids, as a batch that repeats several of them locks them.
    const { rowCount: events } = await trx.raw(
      `update stripe_events set payload = null
       where id = any (array(
         select id from stripe_events
         where payload is not null and (id = any (:events) or checkout_session_id = any (:sessions))
         order by id
         for no key update))`,
      { events: traces.events, sessions },
    );
    const mail_files = await removeMails(mailDir, sessions);
    const erased = { orders: ids, events, notifications: withdrawn, mail_files };
    if (ids.length + events > 0) await recordErasure(trx, actor, erased);
    return erased;
  });
}

/**
 * With each order; where only events named the person, with them. How many orders, not which: the list beside each of 4,600
 * was 107 MB, and took longer than a command waits.
 */
async function recordErasure(trx: Knex.Transaction, actor: string, erased: Erased): Promise<void> {
  const subjects = erased.orders.length > 0 ? erased.orders.map(String) : ['stripe_events'];
  const details = { ...erased, orders: erased.orders.length };
  const actions = subjects.map((subject) => ({ actor, action: 'erase', subject, details }));
  await recordActions(trx, actions);
}

/**
 * A paid order that is not fulfilled needs its address, one that waits for its money may be paid at any moment, and a mail
 * that is due within a lease's time may be on its way right now: by the clock, as it may have been claimed while the
 * transaction waited for its locks.
 */
export async function expectNothingOwed(db: Knex, ids: readonly number[]): Promise<void> {
  const { rows } = await db.raw<{ rows: Owed[] }>(
    `select orders.id, checkout_session_id, orders.status as order_status, fulfillments.status as fulfillment_status
     from orders left join fulfillments on fulfillments.order_id = orders.id
     where orders.id = any (:ids)
       and (orders.status = 'awaiting_payment'
         or orders.status = 'paid' and fulfillments.status is distinct from 'fulfilled'
         or exists (
           select from notifications
           where notifications.order_id = orders.id
             and notifications.next_attempt_at <= clock_timestamp() + :lease * interval '1 second'))
     order by orders.id`,
    { ids, lease: LEASE_SECONDS },
  );
  if (rows.length > 0) throw new Error(refusalOf(rows));
}

interface Owed {
  readonly id: number;
  readonly checkout_session_id: string;
  readonly order_status: string;
  readonly fulfillment_status: string | null;
}

function refusalOf(owed: readonly Owed[]): string {
  return [
    'Nothing was erased: of this person there are orders that need their data yet.',
    ...owed.map((order) => `  order ${order.id} (${order.checkout_session_id}) ${reasonOf(order)}`),
    'Erase when they are settled. With --force they are erased now, and whoever fulfils them is not told for whom.',
  ].join('\n');
}

function reasonOf({ id, order_status, fulfillment_status }: Owed): string {
  if (order_status === 'awaiting_payment') return 'waits for its money';
  if (fulfillment_status === 'dead')
    return `is paid, and its fulfilment is dead: npm run ops -- retry ${id}, or close ${id}`;
  if (order_status === 'paid' && fulfillment_status !== 'fulfilled') return 'is paid and not fulfilled yet';
  return 'has a mail that is being sent: erase in a minute';
}
