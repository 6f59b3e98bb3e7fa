/**
 * For so long a person is told of what an event, or the lack of one, has done. Nothing tells whether somebody has looked at it; and
 * what was refused, Stripe has sent again a few times by then, and so on for three days.
 */
export const STANDING_HOURS = 24;

/** Orders that a person is told of. */
export interface StandingOrders {
  readonly count: number;
  /** The one of the latest event. */
  readonly order_id: number;
}
