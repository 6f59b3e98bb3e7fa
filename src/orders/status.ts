export const orderStatuses = ['awaiting_payment', 'paid', 'failed'] as const;

export type OrderStatus = (typeof orderStatuses)[number];

/**
 * The state machine as data: the moves each status allows. A new order may begin in any status.
 *
 *     (new) ──► awaiting_payment ──► failed
 *       │              │               │
 *       └──────────────┴──► paid ◄─────┘     (final)
 */
export const next: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  awaiting_payment: ['paid', 'failed'],
  failed: ['paid'],
  paid: [],
};

/** What became of an event: kept with it in `stripe_events.outcome`. */
export type Outcome = 'applied' | 'stale' | 'conflict' | 'ignored';

/**
 * What asking `wanted` of an order does when it stands at `current` (null: no order yet).
 * A failed payment on a paid order contradicts what we know, so it is a `conflict`; anything else
 * that moves nothing is old news, `stale`.
 */
export function outcomeOf(current: OrderStatus | null, wanted: OrderStatus): Outcome {
  if (current === null || next[current].includes(wanted)) return 'applied';
  return current === 'paid' && wanted === 'failed' ? 'conflict' : 'stale';
}
