import type { Knex } from '../db/knex.ts';
import { requestOfSession } from '../orders/handlers.ts';
import { type Asked, type Asking, askAbout, inGroups } from './ask.ts';
import { type Dependencies, put } from './repair.ts';

const STEP = 1_000;

/**
 * Orders that wait for their money, made from 30 days before `since` on (seconds since 1970). A session may become paid without
 * an event of its own, and after the walk through the sessions has passed it: where the shop captures the payment by hand, days
 * later, there are events of the payment alone.
 *
 * Orders of connected accounts are left out: their sessions are not the shop's own.
 */
export async function* awaitingOrders(
  db: Knex,
  { since, upTo, livemode }: { since: number; upTo: number; livemode: boolean },
): AsyncGenerator<readonly Asked[]> {
  for (let after = 0; ; ) {
    const { rows } = await db.raw<{ rows: Asked[] }>(
      `select id, checkout_session_id from orders
       where status = 'awaiting_payment' and livemode = :livemode and account is null
         and created_at >= to_timestamp(:since) - interval '30 days' and created_at < to_timestamp(:upTo)
         and id > :after
       order by id
       limit :step`,
      { since, upTo, livemode, after, step: STEP },
    );
    const last = rows.at(-1);
    if (!last) return;
    yield* inGroups(rows);
    after = last.id;
  }
}

/** Asks Stripe for each, and records those that are paid there. */
export async function takePaid(orders: readonly Asked[], dependencies: Dependencies & Asking): Promise<void> {
  const { livemode, found } = dependencies;
  await askAbout(orders, dependencies, async ({ id, checkout_session_id }, session) => {
    if (session === null) return void found.unknownAtStripe.set(checkout_session_id, { order_id: id });
    const request = requestOfSession(session, livemode);
    if (request?.wanted === 'paid') await put({ source: 'reconcile', signed: null, request }, dependencies);
  });
}
