import { hostname } from 'node:os';
import type { Finding } from '../alerts/alert.ts';
import type { Delivery } from './webhook.ts';

/** For so long one is told of: by then Stripe has sent it again a few times, and so on for three days. */
const TOLD_FOR_MS = 24 * 60 * 60 * 1_000;

/** Events that are kept in mind at once: beyond, the one that was refused the longest ago is let go. */
const MOST = 100;

/**
 * Watches for events that Stripe has signed and that are refused: what they say of a payment is recorded nowhere. One that is
 * taken later is none of them any more.
 */
export function watchRefusals() {
  /** By the event's id, the latest refused last. */
  const refused = new Map<string, { readonly code: string; readonly at: number }>();

  return {
    saw({ event, recorded, refusal, at }: Delivery): void {
      if (event === null) return;
      if (recorded !== null || refusal !== null) refused.delete(event.event_id);
      if (refusal !== null) refused.set(event.event_id, { code: refusal, at });
      const [longestAgo] = refused.keys();
      if (refused.size > MOST) refused.delete(longestAgo as string);
    },
    findings(): readonly Finding[] {
      const [event_id, last] = [...refused].at(-1) ?? [];
      if (event_id === undefined || last === undefined || Date.now() - last.at > TOLD_FOR_MS) return [];
      return [{ cause: 'event_refused', details: { host: hostname(), event_id, code: last.code } }];
    },
  };
}
