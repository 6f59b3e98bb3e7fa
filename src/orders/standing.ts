/**
 * For how many hours a person is told of what an event, or one that did not come, has done. It ends by the clock, since nothing
 * says whether somebody has looked at it. What was refused has been sent again a few times by then; Stripe goes on for three days.
 */
export const STANDING_HOURS = 24;

/** What is counted and told. What joins it later is told again (src/alerts/store.ts). */
export interface Counted {
  readonly count: number;
  /** When the last of them joined it. */
  readonly newest_at: Date;
}

/** Orders that a person is told of. */
export interface StandingOrders extends Counted {
  /** The oldest of those that are owed something; of others, the one of the latest event. */
  readonly order_id: number;
}
