import type { Knex } from '../db/knex.ts';
import { findOrdersWithItems, type OrderWithItems } from '../orders/store.ts';
import { calling } from '../tracing/spans.ts';
import { AttemptFailed } from '../work/attempt.ts';
import type { Work } from '../work/kind.ts';
import type { Claim, Queue } from '../work/queue.ts';
import type { Mailer } from './mail.ts';
import { orderPaid, paymentFailed, type Shop } from './messages.ts';

export const notifications: Queue = { table: 'notifications', done: 'sent', doneAt: 'sent_at' };

export type MailKind = 'order_paid' | 'payment_failed';

interface OwedMail extends Claim {
  readonly kind: MailKind;
}

interface Occasion extends OrderWithItems {
  readonly kind: MailKind;
}

interface Dependencies {
  readonly db: Knex;
  readonly send: Mailer;
  readonly shop: Shop;
}

/** The order's and the kind's own, the same on every attempt. */
export function messageIdOf(kind: MailKind, checkoutSessionId: string): string {
  return `${kind.replace('_', '-')}.${checkoutSessionId}`;
}

export function notificationWork({ db, send, shop }: Dependencies): Work<OwedMail, Occasion> {
  return {
    queue: notifications,
    async load(rows) {
      const orders = await findOrdersWithItems(
        db,
        rows.map(({ order_id }) => order_id),
      );
      return orders.map((order, i) => ({ ...order, kind: (rows[i] as OwedMail).kind }));
    },
    sessionOf: ({ order }) => order.checkout_session_id,
    async perform({ order, lineItems, kind }) {
      if (order.customer_email === null) {
        throw new AttemptFailed('the order has no customer_email to write to', { final: true });
      }
      const message =
        kind === 'order_paid' ? orderPaid({ order, lineItems, shop }) : paymentFailed({ order, shop });
      const messageId = messageIdOf(kind, order.checkout_session_id);
      const mail = { to: order.customer_email, messageId, ...message };
      await calling(`mail ${kind}`, () => send(mail));
    },
  };
}
