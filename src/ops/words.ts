import { ageOf } from '../age.ts';
import { formatAmount, presentmentOf } from '../notifications/money.ts';
import type { Order } from '../orders/order.ts';
import type { OrderStatus, Outcome } from '../orders/status.ts';
import type { Fulfillment } from './look-up.ts';
import type { Happening } from './timeline.ts';

export function amountOf(minor: number | null, currency: string | null): string {
  return minor === null || currency === null ? '–' : formatAmount(minor, currency);
}

/** What the customer was charged in a currency of their own, with what to call it; null where that was the total. */
export function presentmentFact({
  status,
  presentment_details,
}: Pick<Order, 'status' | 'presentment_details'>): readonly [name: string, value: string | null] {
  return [status === 'paid' ? 'Charged' : 'Asked for', presentmentOf(presentment_details)];
}

const { timeZone = 'Etc/Unknown' } = new Intl.DateTimeFormat().resolvedOptions();
/** Of this machine. UTC where TZ is no name that Node knows, such as `:/etc/localtime` or `UTC+3`, or is empty. */
export const zone = timeZone === 'Etc/Unknown' ? 'UTC' : timeZone;

/** In the zone of whoever reads it: 2026-11-25 18:03:07, as Swedes write it. */
const moments = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium', timeZone: zone });

export function momentOf(at: Date): string {
  return moments.format(at);
}

/** How far it is from now: `2 h ago`, `in 2 h`. */
export function distanceOf(at: Date, now: Date): string {
  const seconds = (at.getTime() - now.getTime()) / 1_000;
  return seconds > 0 ? `in ${ageOf(seconds)}` : `${ageOf(seconds)} ago`;
}

/** How an order stands, with what it is owed, in a word or two. */
export function stateOf(order: {
  readonly status: OrderStatus;
  readonly fulfillment_status: Fulfillment['status'] | null;
  readonly attempts: number | null;
}): string {
  if (order.status !== 'paid') return STATUS[order.status];
  if (order.fulfillment_status === 'fulfilled') return 'fulfilled';
  if (order.fulfillment_status === 'dead') return 'paid, dead';
  return order.attempts ? `paid, tried ${order.attempts}x` : 'paid, owed';
}

const STATUS: Readonly<Record<OrderStatus, string>> = {
  awaiting_payment: 'awaiting payment',
  paid: 'paid',
  failed: 'failed',
};

const OUTCOME: Readonly<Record<Outcome, string>> = {
  applied: 'it was applied',
  stale: 'there was nothing to do any more',
  conflict: 'it says that the payment of a paid order failed, so look at it in Stripe',
  ignored: 'it was ignored',
};

const SOURCE = {
  webhook: '',
  landing_page: ', as the success page asked',
  reconcile: ', as Stripe was compared with',
} as const;

const WORK = {
  fulfillment: 'the fulfilment',
  order_paid: 'the receipt to the customer',
  payment_failed: 'the mail about the failed payment',
  mail: 'a mail to the customer',
} as const;

/** An entry of the time line, in plain words. */
export function tell(entry: Happening): string {
  switch (entry.kind) {
    case 'event':
      return `Stripe sent ${entry.type} (${entry.event_id}): ${OUTCOME[entry.outcome]}.`;
    case 'transition': {
      const to = STATUS[entry.to];
      const moved = entry.from === null ? `began as ${to}` : `moved from ${STATUS[entry.from]} to ${to}`;
      return `The order ${moved}${SOURCE[entry.source]}.`;
    }
    case 'items_stored':
      return `Its line items were fetched from Stripe: ${entry.count}.`;
    case 'owed':
      return `From here on ${WORK[entry.work]} is owed.`;
    case 'attempt_failed':
      return `Attempt ${entry.attempt} at ${WORK[entry.work]} failed: ${entry.error}${entry.dead ? ' (dead: no further attempt without a person)' : ''}`;
    case 'done':
      if (entry.attempt === null) return `${capital(WORK[entry.work])} is owed no more: a person closed it.`;
      return `${capital(WORK[entry.work])} was ${entry.work === 'fulfillment' ? 'done' : 'sent'}, at attempt ${entry.attempt}.`;
    case 'action':
      return actionWords(entry);
    case 'under_way':
      return `Attempt ${entry.attempt} at ${WORK[entry.work]} is under way; should it be cut off, the next one is due then.`;
    case 'due':
      return `Attempt ${entry.attempt} at ${WORK[entry.work]} is due.`;
  }
}

function actionWords({ actor, action, subject, details }: Extract<Happening, { kind: 'action' }>): string {
  if (action === 'retry') return `${actor} asked for another attempt.`;
  if (action === 'close') return `${actor} closed the order: ${details.because}`;
  if (action === 'replay') return `${actor} replayed ${subject}: ${OUTCOME[details.outcome as Outcome]}.`;
  if (action === 'erase') return `${actor} erased the customer from it.`;
  const told = Object.keys(details).length > 0 ? ` ${JSON.stringify(details)}` : '';
  return `${actor}: ${action} ${subject}${told}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
