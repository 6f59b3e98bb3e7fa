import { z } from 'zod';
import type { Knex } from '../db/knex.ts';
import { storable } from '../db/storable.ts';
import { fulfillments } from '../fulfillment/fulfill.ts';
import { notifications } from '../notifications/notify.ts';
import { oneLine } from '../one-line.ts';
import { settleByHand, withdraw } from '../work/by-hand.ts';
import { recordAction } from './actions.ts';
import { type Affected, isNone } from './affected.ts';

export const LONGEST_REASON = 200;

export const reasonShape = z
  .string('must be a text')
  .max(LONGEST_REASON, `must have ${LONGEST_REASON} characters at most`)
  .transform((text) => oneLine(storable(text)))
  .refine((text) => text !== '', 'must not be empty');

/**
 * Ends what an order is owed without another attempt, for a reason that is kept: it was fulfilled by hand, or refunded in
 * Stripe. It is then called fulfilled, since nobody is to see to it any more, and mails that were not sent are gone.
 */
export async function closeOrder(
  db: Knex,
  orderId: number,
  { because, actor }: { because: string; actor: string },
): Promise<Affected> {
  return db.transaction(async (trx) => {
    // Locked in the order of erase.ts, so the two never wait for each other in a circle. Once the fulfilment is locked, no receipt
    // comes to be owed any more (storeLineItems).
    const closed = {
      fulfillments: await settleByHand(trx, fulfillments, orderId),
      notifications: await withdraw(trx, notifications, [orderId]),
    };
    if (!isNone(closed))
      await recordAction(trx, {
        actor,
        action: 'close',
        subject: String(orderId),
        details: { because, ...closed },
      });
    return closed;
  });
}
