import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Delivery, idsOf } from './events.ts';
import type { BenchDatabase } from './postgres.ts';

/** What the database has of deliveries that were answered 200, each count being how many lack it or have it twice. */
interface Audit {
  readonly sent: number;
  readonly withoutEvent: number;
  readonly withoutOrder: number;
  readonly withoutItems: number;
  readonly notOneTransition: number;
  readonly notFulfilledOnce: number;
  readonly notMailedOnce: number;
  /** Rows that no delivery accounts for. */
  readonly strangers: number;
}

export async function audit({ db }: BenchDatabase, deliveries: readonly Delivery[]): Promise<Audit> {
  const ids = deliveries.map(idsOf);
  const { rows } = await db.raw<{ rows: [Audit] }>(
    `with sent as (
       select event_id, session_id from unnest(cast(:events as text[]), cast(:sessions as text[])) as sent (event_id, session_id)
     ),
     found as (
       select
         stripe_events.id as event_id,
         orders.id as order_id,
         exists (select from order_line_items where order_id = orders.id) as has_items,
         (select count(*) from order_transitions where order_id = orders.id and to_status = 'paid') as transitions,
         (select count(*) from fulfillments where order_id = orders.id and status = 'fulfilled' and attempts = 1) as fulfilled,
         (select count(*) from notifications where order_id = orders.id and status = 'sent' and attempts = 1) as mailed
       from sent
       left join stripe_events on stripe_events.id = sent.event_id
       left join orders on orders.checkout_session_id = sent.session_id and orders.status = 'paid'
     )
     select
       count(*) as sent,
       count(*) filter (where event_id is null) as "withoutEvent",
       count(*) filter (where order_id is null) as "withoutOrder",
       count(*) filter (where not has_items) as "withoutItems",
       count(*) filter (where transitions <> 1) as "notOneTransition",
       count(*) filter (where fulfilled <> 1) as "notFulfilledOnce",
       count(*) filter (where mailed <> 1) as "notMailedOnce",
       (select count(*) from stripe_events) + (select count(*) from orders) + (select count(*) from order_transitions)
         + (select count(*) from fulfillments) + (select count(*) from notifications) - 5 * count(*) as strangers
     from found`,
    { events: ids.map(({ event }) => event), sessions: ids.map(({ session }) => session) },
  );
  return rows[0];
}

/** @throws naming what is amiss */
export function expectSound(found: Audit): void {
  const { sent: _sent, ...faults } = found;
  if (Object.values(faults).some((count) => count !== 0))
    throw new Error(`the audit failed: ${JSON.stringify(found)}`);
}

/** Whether an order waits to be fulfilled, and whether a mail waits to be sent: asked so that it costs the workers next to nothing. */
export async function owedIn({ db }: BenchDatabase): Promise<{ orders: boolean; mails: boolean }> {
  const { rows } = await db.raw(
    `select exists (select from fulfillments where status = 'pending') as orders,
       exists (select from notifications where status = 'pending') as mails`,
  );
  return rows[0];
}

/** Resolves with the seconds it took until nothing is owed any more. */
export async function drained(database: BenchDatabase, withinSeconds: number): Promise<number> {
  const begin = performance.now();
  for (;;) {
    const seconds = (performance.now() - begin) / 1_000;
    const { orders, mails } = await owedIn(database);
    if (!orders && !mails) return seconds;
    if (seconds > withinSeconds) throw new Error(`after ${withinSeconds} s the workers still owe something`);
    await pause(200);
  }
}

/** Lines of a process's log from `warn` up, and whatever is not from its logger. */
export function complaintsIn(logFile: string): string[] {
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !(line.startsWith('{') && JSON.parse(line).level < 40));
}
