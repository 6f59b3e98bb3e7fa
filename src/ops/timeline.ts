import type { Knex } from '../db/knex.ts';
import type { MailKind } from '../notifications/notify.ts';
import type { Source } from '../orders/ledger.ts';
import type { OrderStatus, Outcome } from '../orders/status.ts';
import { LEASE_SECONDS } from '../work/queue.ts';
import type { Action } from './actions.ts';

/** Owed work, by what a person calls it. */
type WorkName = 'fulfillment' | MailKind;

/** What happened to an order, or is going to. */
export type Entry = { readonly at: Date } & Happening;

export type Happening =
  | {
      readonly kind: 'event';
      readonly event_id: string;
      readonly type: string;
      readonly outcome: Outcome;
      /** Its payload is still kept. */
      readonly replayable: boolean;
    }
  | {
      readonly kind: 'transition';
      readonly from: OrderStatus | null;
      readonly to: OrderStatus;
      readonly source: Source;
      readonly event_id: string | null;
    }
  | { readonly kind: 'items_stored'; readonly count: number }
  | { readonly kind: 'owed'; readonly work: WorkName }
  | {
      readonly kind: 'attempt_failed';
      /** `mail` where it is owed no more: only its row, which is gone, said which one it was. */
      readonly work: WorkName | 'mail';
      readonly attempt: number;
      readonly error: string;
      /** No further attempt without a person. */
      readonly dead: boolean;
    }
  /** `attempt` is null where a person closed it. */
  | { readonly kind: 'done'; readonly work: WorkName; readonly attempt: number | null }
  | ({ readonly kind: 'action' } & Action)
  /** Its time is when its lease ends. */
  | { readonly kind: 'under_way'; readonly work: WorkName; readonly attempt: number }
  | { readonly kind: 'due'; readonly work: WorkName; readonly attempt: number };

/**
 * Everything about an order on one time line, the oldest first. What one commit wrote has one time: there, causes stand
 * before what they caused.
 *
 * Items have no time of their own, but are stored in one statement with the receipt that names them. An attempt is under way
 * as `makeDue` has it.
 */
export async function timelineOf(db: Knex, orderId: number): Promise<Entry[]> {
  const { rows } = await db.raw<{ rows: { at: Date; happening: Happening }[] }>(
    `with subject as (
       select id, checkout_session_id from orders where id = :orderId
     ),
     event as (
       select stripe_events.* from stripe_events join subject using (checkout_session_id)
     ),
     work as (
       select 'fulfillments' as queue, id, 'fulfillment' as name, created_at, attempts, attempts_lost, next_attempt_at,
         fulfilled_at as done_at
       from fulfillments where order_id = :orderId
       union all
       select 'notifications', id, kind, created_at, attempts, attempts_lost, next_attempt_at, sent_at
       from notifications where order_id = :orderId
     ),
     entry (at, place, happening) as (
       select received_at, 1, jsonb_build_object(
         'kind', 'event', 'event_id', id, 'type', type, 'outcome', outcome, 'replayable', payload is not null)
       from event
       union all
       select occurred_at, 2, jsonb_build_object(
         'kind', 'transition', 'from', from_status, 'to', to_status, 'source', source, 'event_id', event_id)
       from order_transitions where order_id = :orderId
       union all
       select work.created_at, 3, jsonb_build_object('kind', 'items_stored', 'count', items.count)
       from work, (select count(*) from order_line_items where order_id = :orderId) as items
       where work.name = 'order_paid' and items.count > 0
       union all
       select created_at, 4, jsonb_build_object('kind', 'owed', 'work', name)
       from work
       union all
       select occurred_at, 5, jsonb_build_object(
         'kind', 'attempt_failed', 'work', coalesce(name, 'mail'), 'attempt', attempt, 'error', error,
         'dead', failed_attempts.next_attempt_at is null)
       from failed_attempts left join work on work.queue = failed_attempts.work and work.id = failed_attempts.work_id
       where order_id = :orderId
       union all
       select done_at, 6, jsonb_build_object('kind', 'done', 'work', name, 'attempt', case when not exists (
         select from ops_actions where subject = cast(:orderId as text) and action = 'close' and occurred_at = done_at) then attempts end)
       from work where done_at is not null
       union all
       select occurred_at, 7, jsonb_build_object(
         'kind', 'action', 'actor', actor, 'action', action, 'subject', ops_actions.subject, 'details', details)
       from ops_actions
       where ops_actions.subject in (
         select id::text from subject union all select checkout_session_id from subject union all select id from event)
       union all
       select next_attempt_at, 8, case
         when attempts_lost > 0 and next_attempt_at between now() and now() + :lease * interval '1 second'
         then jsonb_build_object('kind', 'under_way', 'work', name, 'attempt', attempts)
         else jsonb_build_object('kind', 'due', 'work', name, 'attempt', attempts + 1) end
       from work where next_attempt_at is not null
     )
     select at, happening from entry order by at, place`,
    { orderId, lease: LEASE_SECONDS },
  );
  return rows.map(({ at, happening }) => ({ at, ...happening }));
}

/** The work that is owed and not done, be it dead or still to come. */
export function owedOf(timeline: readonly Entry[]): WorkName[] {
  const done = timeline.flatMap((entry) => (entry.kind === 'done' ? [entry.work] : []));
  return timeline.flatMap((entry) =>
    entry.kind === 'owed' && !done.includes(entry.work) ? [entry.work] : [],
  );
}

/** That of it which nobody attempts any more until a person says so. */
export function deadOf(timeline: readonly Entry[]): WorkName[] {
  const toCome = timeline.flatMap((entry) =>
    entry.kind === 'due' || entry.kind === 'under_way' ? [entry.work] : [],
  );
  return owedOf(timeline).filter((work) => !toCome.includes(work));
}
