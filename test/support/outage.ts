import { lineItem, type StripeApi } from './stripe-api.ts';
import { checkoutSession, type EventJson, events } from './stripe-events.ts';

/** What a customer did, by where the order must end. */
type Story = 'card' | 'free' | 'debit paid' | 'debit failed' | 'debit open' | 'told twice';

export const endings: Readonly<Record<Story, 'paid' | 'failed' | 'awaiting_payment'>> = {
  card: 'paid',
  free: 'paid',
  'debit paid': 'paid',
  'debit failed': 'failed',
  'debit open': 'awaiting_payment',
  'told twice': 'paid',
};

/** The session in the end, where it is not the one of a card. */
const standings: Readonly<Partial<Record<Story, Record<string, unknown>>>> = {
  free: { payment_status: 'no_payment_required', amount_total: 0 },
  'debit failed': { payment_status: 'unpaid' },
  'debit open': { payment_status: 'unpaid' },
};

export interface Customer {
  readonly sessionId: string;
  readonly story: Story;
  /** In the order of their creation. */
  readonly events: readonly EventJson[];
}

export const secondsAgo = (seconds: number) => Math.floor(Date.now() / 1_000) - seconds;

/** A customer's session at Stripe as it stands in the end, and the events on the way there, which nobody has taken. */
export function customerOf(stripe: StripeApi, story: Story, created: number): Customer {
  const session = checkoutSession({ created, ...standings[story] });
  stripe.keep(session, [lineItem(1)]);
  const told = {
    card: [events.completedPaid],
    free: [events.completedFree],
    'debit paid': [events.completedUnpaid, events.asyncSucceeded],
    'debit failed': [events.completedUnpaid, events.asyncFailed],
    'debit open': [events.completedUnpaid],
    'told twice': [events.completedPaid, events.completedPaid],
  }[story].map((make, n) => ({ ...make(session), created: created + 60 * (n + 1) }));
  for (const event of told) stripe.keepEvent(event);
  return { sessionId: session.id, story, events: told };
}

const usual: readonly Story[] = [
  'card',
  'debit paid',
  'card',
  'debit failed',
  'free',
  'told twice',
  'card',
  'debit open',
];

/** So many customers, evenly over the time from `begin` until a quarter of an hour ago. */
export function customersSince(stripe: StripeApi, begin: number, count: number): Customer[] {
  const step = (secondsAgo(15 * 60) - begin) / count;
  return Array.from({ length: count }, (_, n) =>
    customerOf(stripe, usual[n % usual.length] as Story, Math.floor(begin + n * step)),
  );
}
