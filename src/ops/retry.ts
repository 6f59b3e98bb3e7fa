import type { Knex } from '../db/knex.ts';
import { fulfillments } from '../fulfillment/fulfill.ts';
import { notifications } from '../notifications/notify.ts';
import { makeDue, ordersWithDead } from '../work/by-hand.ts';
import { recordActions } from './actions.ts';
import type { Affected } from './affected.ts';

/** Tries again at once what an order is owed and has not got: what was put off, or dead, is due now. */
export async function retryOrder(db: Knex, orderId: number, actor: string): Promise<Affected> {
  return retry(db, [orderId], { onlyDead: false, actor });
}

/** Orders that a transaction tries again. All 100,000 in one took up to 7.5 s, and a page may take 4 s for a statement. */
const STEP = 5_000;

/**
 * Tries again at once all that is dead, of whichever order. Once each: what dies anew meanwhile, since its reason is not gone,
 * stays dead.
 */
export async function retryDead(db: Knex, actor: string): Promise<Affected> {
  const mails = await ordersWithDead(db, notifications);
  const orderIds = [...new Set([...mails, ...(await ordersWithDead(db, fulfillments))])];
  const retried = { fulfillments: 0, notifications: 0 };
  for (let n = 0; n < orderIds.length; n += STEP) {
    const step = await retry(db, orderIds.slice(n, n + STEP), { onlyDead: true, actor });
    retried.fulfillments += step.fulfillments;
    retried.notifications += step.notifications;
  }
  return retried;
}

/** It is kept in `ops_actions` with each order of which something is due now. */
async function retry(
  db: Knex,
  orderIds: readonly number[],
  { onlyDead, actor }: { onlyDead: boolean; actor: string },
): Promise<Affected> {
  return db.transaction(async (trx) => {
    // Locked in the order of erase.ts, so the two never wait for each other in a circle.
    const owed = new Set(await makeDue(trx, fulfillments, orderIds, { onlyDead }));
    const mails = await makeDue(trx, notifications, orderIds, { onlyDead });
    const mailsOf = Map.groupBy(mails, (orderId) => orderId);
    const actions = [...new Set([...owed, ...mails])].map((orderId) => ({
      actor,
      action: 'retry',
      subject: String(orderId),
      details: {
        fulfillments: Number(owed.has(orderId)),
        notifications: mailsOf.get(orderId)?.length ?? 0,
      },
    }));
    await recordActions(trx, actions);
    return { fulfillments: owed.size, notifications: mails.length };
  });
}
