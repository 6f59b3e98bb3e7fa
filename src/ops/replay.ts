import type { Knex } from '../db/knex.ts';
import { BadRequest } from '../errors.ts';
import { handledTypes, requestOf } from '../orders/handlers.ts';
import { openLedger, type Recorded } from '../orders/ledger.ts';
import type { OrderStatus } from '../orders/status.ts';
import type { StripeEvent } from '../stripe/event.ts';
import { recordAction } from './actions.ts';
import { findEvent, type KeptEvent } from './look-up.ts';

export interface Replayed extends Recorded {
  /** Where its order was; null when there was none. */
  readonly moved_from: OrderStatus | null;
  /** Why the event asks nothing of any order; null when it does. */
  readonly why_ignored: string | null;
}

/**
 * Puts a kept event through the state machine as if it were delivered now. What it asked for then and did not get (it was
 * ignored by another configuration or an older version, or a hand has changed the order) it gets now; else nothing changes.
 * @throws {PayloadGone}
 * @throws {BadRequest} when its session can't be read
 */
export async function replayEvent(
  db: Knex,
  id: string,
  { livemode, actor }: { livemode: boolean; actor: string },
): Promise<Replayed> {
  const kept = await findEvent(db, id);
  if (kept.payload === null) throw new PayloadGone(kept);
  const payload = Buffer.from(kept.payload);
  const event: StripeEvent = JSON.parse(kept.payload);
  const request = requestOf(event, livemode);
  return db.transaction(async (trx) => {
    const recorded = await openLedger(trx)({ source: 'reconcile', signed: { event, payload }, request });
    const { outcome, order_id, moved_to } = recorded;
    await recordAction(trx, {
      actor,
      action: 'replay',
      subject: id,
      details: { outcome, order_id, moved_to },
    });
    const moved_from = moved_to === null ? null : await statusBefore(trx, order_id, moved_to);
    return { ...recorded, moved_from, why_ignored: whyIgnored(kept, livemode) };
  });
}

async function statusBefore(
  trx: Knex.Transaction,
  order_id: number | null,
  to_status: OrderStatus,
): Promise<OrderStatus | null> {
  const transition = await trx('order_transitions')
    .select('from_status')
    .where({ order_id, to_status })
    .first();
  return transition.from_status;
}

/** Why an event is no news of any order, in words; null when, as things are now, it is. */
export function whyIgnored({ type, livemode: live, payload }: KeptEvent, livemode: boolean): string | null {
  if (!handledTypes.includes(type)) return `events of type ${type} are not handled`;
  if (live !== livemode)
    return live
      ? 'it is live, and STRIPE_SECRET_KEY is no live key'
      : 'it is a test, and STRIPE_SECRET_KEY is a live key';
  if (payload === null) return 'its payload was emptied, so nobody can say any more';
  try {
    const request = requestOf(JSON.parse(payload), livemode);
    return request ? null : 'it is about no checkout session that makes an order';
  } catch (error) {
    if (error instanceof BadRequest) return error.message;
    throw error;
  }
}

export class PayloadGone extends Error {
  override readonly name = 'PayloadGone';

  constructor({ id, received_at }: KeptEvent) {
    super(
      `The payload of ${id}, which came in on ${received_at.toISOString().slice(0, 10)}, was emptied and can't be replayed. ` +
        'Compare with Stripe instead: npm run ops -- reconcile',
    );
  }
}
