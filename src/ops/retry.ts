import type { Knex } from '../db/knex.ts';
import { fulfillments } from '../fulfillment/fulfill.ts';
import { notifications } from '../notifications/notify.ts';
import { makeDeadDue, makeDue } from '../work/queue.ts';
import { recordAction, recordActions } from './actions.ts';
import type { Affected } from './affected.ts';

/** Tries again at once what an order is owed and has not got: what was put off, or dead, is due now. */
export async function retryOrder(db: Knex, orderId: number, actor: string): Promise<Affected> {
  return db.transaction(async (trx) => {
    // Locked in the order of erase.ts, so the two never wait for each other in a circle.
    const retried = {
      notifications: await makeDue(trx, notifications, orderId),
      fulfillments: await makeDue(trx, fulfillments, orderId),
    };
    await recordAction(trx, { actor, action: 'retry', subject: String(orderId), details: { ...retried } });
    return retried;
  });
}

/** Tries again at once all that is dead, of whichever order. Kept with each of them. */
export async function retryDead(db: Knex, actor: string): Promise<Affected> {
  return db.transaction(async (trx) => {
    const mails = await makeDeadDue(trx, notifications);
    const owed = new Set(await makeDeadDue(trx, fulfillments));
    const mailsOf = Map.groupBy(mails, (orderId) => orderId);
    const orderIds = new Set([...owed, ...mails]);
    const actions = [...orderIds].map((orderId) => ({
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
