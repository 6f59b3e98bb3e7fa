import { lineItem, type StripeApi } from '../../support/stripe-api.ts';
import { checkoutSession, type EventJson, events } from '../../support/stripe-events.ts';

/** One checkout session: what Stripe says of it, in any order, and where its order must end. */
export interface Sale {
  readonly sessionId: string;
  readonly events: readonly EventJson[];
  readonly status: 'paid' | 'failed';
  readonly items: number;
}

let sales = 0;

/** Of five sales three are paid by card, one by a bank debit that succeeds, and one by one that fails. */
export function newSale(stripe: StripeApi): Sale {
  sales += 1;
  const kind = sales % 5;
  const session = checkoutSession(kind === 4 ? { payment_status: 'unpaid' } : {});
  const items = 1 + (sales % 3);
  stripe.keep(
    session,
    Array.from({ length: items }, (_, n) => lineItem(n)),
  );
  const first = kind < 3 ? events.completedPaid(session) : events.completedUnpaid(session);
  const later = kind === 3 ? events.asyncSucceeded(session) : kind === 4 ? events.asyncFailed(session) : null;
  return {
    sessionId: session.id,
    events: later ? [first, later] : [first],
    status: kind === 4 ? 'failed' : 'paid',
    items,
  };
}
