import type { Finding } from '../alerts/alert.ts';
import { atMost } from '../at-most.ts';
import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { keepRefused, type RefusedEvent, standingRefusals } from '../orders/refused.ts';
import type { Delivery } from './webhook.ts';

/** Refused events that wait to be written. Further ones are left to when Stripe sends them again. */
const MOST = 1_000;
/** What their writing may take at the stop: Stripe sends them again. */
const GRACE_MS = 1_000;

/**
 * Keeps the events that are refused. All that are found at a look are written in one statement, so that no number of them takes
 * the database's time from those that are taken.
 */
export function watchRefusals({ db, log }: { db: Knex; log: Logger }) {
  /** By the event's id. */
  const unwritten = new Map<string, RefusedEvent>();

  async function write(): Promise<void> {
    const refused = [...unwritten.values()];
    await keepRefused(db, refused);
    // One that was refused anew meanwhile waits for the next look.
    for (const one of refused) if (unwritten.get(one.id) === one) unwritten.delete(one.id);
  }

  return {
    saw({ event, refusal, at }: Delivery): void {
      if (event === null || refusal === null) return;
      const { event_id: id, type, checkout_session_id = null } = event;
      if (unwritten.size === MOST) return;
      unwritten.set(id, { id, type, checkout_session_id, reason: refusal.message, at });
    },
    async findings(): Promise<Finding[]> {
      await write();
      const details = await standingRefusals(db);
      return details === null ? [] : [{ cause: 'event_refused', details }];
    },
    /** Writes the last of them, if the database takes them soon. */
    async stop(): Promise<void> {
      const written = write().catch((error) =>
        log.warn({ reason: messageOf(error) }, 'refused events could not be written'),
      );
      await atMost(GRACE_MS, written);
    },
  };
}
