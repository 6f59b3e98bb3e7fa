import type { Knex } from 'knex';
import type { Order } from '../orders/order.ts';
import { findLineItems, findOrder } from '../orders/store.ts';
import { AttemptFailed } from '../work/attempt.ts';
import type { Claim, Queue } from '../work/queue.ts';
import type { Mailer } from './mailer.ts';
import { type Message, orderPaid, paymentFailed, type Shop } from './messages.ts';

export const notifications: Queue = { table: 'notifications', done: 'sent', doneAt: 'sent_at' };

interface OwedMail extends Claim {
  readonly kind: 'order_paid' | 'payment_failed';
}

/** One attempt at a mail. Its Message-ID is the order's and the kind's own, the same on every attempt. */
export function notificationAttempt({ db, send, shop }: { db: Knex; send: Mailer; shop: Shop }) {
  return async ({ order_id, kind }: OwedMail): Promise<void> => {
    const order = await findOrder(db, order_id);
    if (order.customer_email === null) {
      throw new AttemptFailed('the order has no customer_email to write to', { final: true });
    }
    const message = kind === 'order_paid' ? await receipt(db, order, shop) : paymentFailed({ order, shop });
    const messageId = `${kind.replace('_', '-')}.${order.checkout_session_id}`;
    await send({ to: order.customer_email, messageId, ...message });
  };
}

async function receipt(db: Knex, order: Order, shop: Shop): Promise<Message> {
  return orderPaid({ order, lineItems: await findLineItems(db, order.id), shop });
}
