import type { Knex } from '../db/knex.ts';
import { fulfillments } from '../fulfillment/fulfill.ts';
import { notifications } from '../notifications/notify.ts';
import { makeDue } from '../work/queue.ts';
import { recordAction } from './actions.ts';

/** How many rows of each kind are due now that were put off or dead. */
export interface Retried {
  readonly fulfillments: number;
  readonly notifications: number;
}

/** Tries again at once what an order is owed and has not got. */
export async function retryOrder(db: Knex, orderId: number, actor: string): Promise<Retried> {
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
