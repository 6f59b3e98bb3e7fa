import type { Knex } from '../../../src/db/knex.ts';
import { contentsOf } from '../../support/database.ts';
import type { Call } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';
import type { Sale } from './sales.ts';

/** What is amiss, each a line for a person. Nothing may be. */
interface Audit {
  /** Sent and answered 200, but not in the rows, or not where it must have come to. */
  readonly lost: readonly string[];
  /** In the rows twice, or in the rows and never sent, or told to the receiver under another id or in other words. */
  readonly twice: readonly string[];
}

/** Until nothing is owed any more. What a killed process held comes back when its lease ends. */
export function atRest(db: Knex, seconds: number): Promise<true> {
  return until(
    'nothing is owed any more',
    async () => {
      const { rows } = await db
        .raw(
          `select from fulfillments where status = 'pending' union all select from notifications where status = 'pending' limit 1`,
        )
        .catch(() => ({ rows: ['PostgreSQL is away'] }));
      return rows.length === 0;
    },
    seconds,
  );
}

/** Every sale that was sent against every row that is kept, and against what the receiver was told. */
export async function audit(
  db: Knex,
  { sales, calls }: { sales: readonly Sale[]; calls: readonly Call[] },
): Promise<Audit> {
  const kept = await contentsOf(db);
  const lost: string[] = [];
  const twice: string[] = [];
  const exactlyOne = (what: string, rows: readonly unknown[] = []) => {
    if (rows.length === 0) lost.push(`${what}: none`);
    if (rows.length > 1) twice.push(`${what}: ${rows.length}`);
  };
  const none = (what: string, rows: readonly unknown[] = []) => {
    if (rows.length > 0) twice.push(`${what}: ${rows.length}, and none was due`);
  };
  const by = <Row>(rows: readonly Row[], key: (row: Row) => unknown) => Map.groupBy(rows, key);

  const events = by(kept.events, ({ id }) => id);
  const orders = by(kept.orders, ({ checkout_session_id }) => checkout_session_id);
  const [transitions, fulfillments, lineItems, notifications] = [
    kept.transitions,
    kept.fulfillments,
    kept.lineItems,
    kept.notifications,
  ].map((rows) => by(rows, ({ order_id }) => order_id)) as [Rows, Rows, Rows, Rows];
  const told = by(calls, ({ id }) => id);

  for (const { sessionId, events: sent, status, items } of sales) {
    for (const { id } of sent) exactlyOne(`event ${id}`, events.get(id));
    exactlyOne(`order of ${sessionId}`, orders.get(sessionId));
    const order = orders.get(sessionId)?.[0];
    if (order?.status !== status) lost.push(`order of ${sessionId}: ${order?.status} instead of ${status}`);
    const of = (rows: Rows) => rows.get(order?.id) ?? [];
    exactlyOne(
      `transition of ${sessionId} to ${status}`,
      of(transitions).filter(({ to_status }) => to_status === status),
    );
    const kind = status === 'paid' ? 'order_paid' : 'payment_failed';
    exactlyOne(`mail of ${sessionId}`, of(notifications));
    exactlyOne(
      `sent mail of ${sessionId}`,
      of(notifications).filter((mail) => mail.kind === kind && mail.status === 'sent'),
    );
    const callsOfIt = told.get(sessionId) ?? [];
    if (status === 'failed') {
      none(`fulfillment of ${sessionId}`, of(fulfillments));
      none(`call for ${sessionId}`, callsOfIt);
      continue;
    }
    exactlyOne(`fulfillment of ${sessionId}`, of(fulfillments));
    exactlyOne(
      `fulfilled fulfillment of ${sessionId}`,
      of(fulfillments).filter((work) => work.status === 'fulfilled'),
    );
    if (of(lineItems).length !== items) lost.push(`line items of ${sessionId}: ${of(lineItems).length}`);
    // The receiver may be told again, but never of another thing: it knows a repeat by its id.
    const wordings = new Set(callsOfIt.map(({ idempotencyKey, text }) => `${idempotencyKey} ${text}`));
    exactlyOne(`wording of the calls for ${sessionId}`, [...wordings]);
    if (callsOfIt.some(({ idempotencyKey }) => idempotencyKey !== sessionId))
      twice.push(`idempotency key of ${sessionId}`);
  }

  const strangers = {
    events: kept.events.length - sales.flatMap((sale) => sale.events).length,
    orders: kept.orders.length - sales.length,
    'sessions that the receiver was told of':
      told.size - sales.filter(({ status }) => status === 'paid').length,
  };
  for (const [what, count] of Object.entries(strangers))
    if (count > 0) twice.push(`${what} that nobody sent: ${count}`);
  return { lost, twice };
}

type Rows = Map<unknown, Record<string, unknown>[]>;
