import type { OrderStatus } from '../orders/status.ts';
import type { Difference } from './compare.ts';

/** What a run found, by ids alone. It grows with what is wrong, not with what was looked at. */
export interface Findings {
  readonly lookedAt: { events: number; sessions: number; orders: number };
  /** Events at Stripe that were not here. */
  eventsMissing: number;
  /** By checkout session: orders that were not where Stripe has them, with their status there. */
  readonly behind: Map<string, { readonly order_id: number | null; readonly status: OrderStatus }>;
  /** Orders that are paid here and not at Stripe. */
  readonly notAtStripe: Map<string, { readonly order_id: number; readonly reason: string }>;
  /** Orders that wait for their money and whose session the key can't see: nobody but a person learns whether it came. */
  readonly unknownAtStripe: Map<string, { readonly order_id: number }>;
  /** What an order and its session say differently. Nobody but a person changes it. */
  readonly differing: Difference[];
  /** Events and sessions that could not be taken over, by their ids, with the reason. */
  readonly unrepaired: Map<string, string>;
}

export function nothingFound(): Findings {
  return {
    lookedAt: { events: 0, sessions: 0, orders: 0 },
    eventsMissing: 0,
    behind: new Map(),
    notAtStripe: new Map(),
    unknownAtStripe: new Map(),
    differing: [],
    unrepaired: new Map(),
  };
}

/** Whether a person must look at something that the run could not mend. */
export function asksForAPerson({ notAtStripe, unknownAtStripe, differing, unrepaired }: Findings): boolean {
  return notAtStripe.size + unknownAtStripe.size + differing.length + unrepaired.size > 0;
}
