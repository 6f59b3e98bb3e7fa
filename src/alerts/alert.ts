import type { IgnoredSessions } from '../orders/ignored.ts';
import type { StandingRefusals } from '../orders/refused.ts';
import type { StandingOrders } from '../orders/standing.ts';
import type { Failing } from '../reconcile/cursors.ts';

/** Signatures are good for 300 s. A clock that is further off than this is on its way there, and no network delays a delivery so long. */
const CLOCK_OFF_SECONDS = 30;

export function isClockOff(seconds: number): boolean {
  return Math.abs(seconds) > CLOCK_OFF_SECONDS;
}

/** Something that a person has to know of, as it is right now. */
export type Finding =
  | {
      readonly cause: 'fulfillments_dead' | 'notifications_dead' | 'payments_conflicting' | 'webhooks_missed';
      readonly details: StandingOrders;
    }
  | { readonly cause: 'orders_unfulfilled'; readonly details: StandingOrders & { readonly minutes: number } }
  | {
      readonly cause: 'signatures_failing';
      readonly details: { readonly host: string; readonly in_a_row: number };
    }
  | { readonly cause: 'event_refused'; readonly details: StandingRefusals }
  | { readonly cause: 'live_events_ignored'; readonly details: IgnoredSessions }
  | { readonly cause: 'reconcile_failing'; readonly details: Failing }
  | {
      readonly cause: 'clock_off';
      /** By so many seconds it is ahead of the other clock. */
      readonly details: { readonly host: string; readonly against: string; readonly seconds: number };
    };

export type Cause = Finding['cause'];

/** A cause that came up, and with `over_at` went away again. */
export type Alert = Finding & {
  readonly id: number;
  readonly raised_at: Date;
  readonly over_at: Date | null;
  readonly told: readonly string[];
  readonly attempts: number;
};

/** What there is to tell of an alert now. */
export function newsOf({ over_at }: Alert): 'raised' | 'over' {
  return over_at === null ? 'raised' : 'over';
}
