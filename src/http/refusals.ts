import type { Finding } from '../alerts/alert.ts';
import type { Knex } from '../db/knex.ts';
import { keepRefused, type RefusedEvent, standingRefusals } from '../orders/refused.ts';
import type { Delivery } from './webhook.ts';

/** Refused events that wait to be written. Further ones are left to when Stripe sends them again. */
const MOST = 1_000;

/**
 * Keeps the events that are refused. All that are found at a look are written in one statement, so that no number of them takes
 * the database's time from those that are taken.
 */
export function watchRefusals(db: Knex) {
  /** By the event's id. */
  const unwritten = new Map<string, RefusedEvent>();

  return {
    saw({ event, refusal, at }: Delivery): void {
      if (event === null || refusal === null) return;
      const { event_id: id, type, checkout_session_id = null } = event;
      if (unwritten.size === MOST && !unwritten.has(id)) return;
      unwritten.set(id, { id, type, checkout_session_id, reason: refusal.message, at });
    },
    async findings(): Promise<Finding[]> {
      const refused = [...unwritten.values()];
      await keepRefused(db, refused);
      for (const { id } of refused) unwritten.delete(id);
      const details = await standingRefusals(db);
      return details === null ? [] : [{ cause: 'event_refused', details }];
    },
  };
}
