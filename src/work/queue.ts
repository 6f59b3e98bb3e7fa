import type { Knex } from '../db/knex.ts';

/** A table of owed work: `fulfillments` or `notifications`. */
export interface Queue {
  readonly table: string;
  /** The status of a row whose work is done, and the column that says since when. */
  readonly done: string;
  readonly doneAt: string;
}

/** A claimed row. `attempts` counts this attempt too, and is the fencing token: a later claim has a higher one. */
export interface Claim {
  readonly id: number;
  readonly order_id: number;
  readonly attempts: number;
  /** Attempts in a row of whose end nobody has heard, this one included. */
  readonly attempts_lost: number;
  readonly status: 'pending' | 'dead';
}

/** How long a claim holds unless renewed: what a killed worker's order waits at most, in seconds. */
export const LEASE_SECONDS = 30;

/**
 * Rows that are claimed together get leases of different lengths, from this one up to LEASE_SECONDS. With one length, all
 * that a killed process held would be claimed together again: an order that kills its process would take all attempts of
 * those beside it, and they would die with it.
 */
export const SHORTEST_LEASE_SECONDS = 20;

/**
 * A row is a suspect after so many attempts in a row of whose end nobody has heard: it may be what kills the process. A
 * process claims one suspect at a time. Otherwise, where a killed process is back only when all its leases have ended
 * (Kubernetes waits for up to five minutes), the rows beside it would always be claimed with it: 9 healthy orders of 9
 * were dead. Once a row is dead its count is 0: else all that a person tries again would be claimed one by one, a second
 * apart.
 */
const SUSPECT_AFTER = 3;

/** Whether the row was a suspect before this claim, which has counted one more attempt. */
export function isSuspect({ attempts_lost }: Claim): boolean {
  return attempts_lost > SUSPECT_AFTER;
}

/**
 * Claims up to `limit` due rows, the longest due first: none of `except`, and no suspect while the process has one. The
 * attempt is counted here, so that work which kills its worker comes to an end: a row whose attempts are used up is not
 * handed out, but comes back `dead`. One exception: where nobody has heard of the end of its last attempt, and it was not
 * claimed alone, it is handed out again. Nobody has refused it, and what was beside it may be to blame.
 */
export async function claim<Row extends Claim>(
  db: Knex,
  queue: Queue,
  {
    limit,
    maxAttempts,
    atSuspect = false,
    except = [],
  }: { limit: number; maxAttempts: number; atSuspect?: boolean; except?: readonly number[] },
): Promise<Row[]> {
  const { rows } = await db.raw<{ rows: Row[] }>(
    `with suspect as (
       select id from :table:
       where status = 'pending' and next_attempt_at <= now() and attempts_lost >= :suspectAfter and not :atSuspect
         and id <> all (cast(:except as bigint[]))
       order by next_attempt_at
       limit 1
     ),
     due as (
       select id, attempts_lost, attempts >= :max and attempts_lost not between 1 and :suspectAfter as used_up,
         case attempts_lost when 0 then 'FULFILLMENT_MAX_ATTEMPTS was lowered' else 'the process was killed' end as why_dead
       from :table:
       where status = 'pending' and next_attempt_at <= now()
         and (attempts_lost < :suspectAfter or id = (table suspect)) and id <> all (cast(:except as bigint[]))
       order by next_attempt_at
       limit :limit
       for update skip locked
     ),
     claimed as (
       update :table: as work set
         attempts = case when used_up then attempts else attempts + 1 end,
         attempts_lost = case when used_up then 0 else due.attempts_lost + 1 end,
         status = case when used_up then 'dead' else 'pending' end,
         died_at = case when used_up then now() else died_at end,
         next_attempt_at = case when not used_up then now() + (:shortest + random() * :spread) * interval '1 second' end,
         last_error = case when used_up and (due.attempts_lost > 0 or last_error is null) then why_dead else last_error end
       from due where work.id = due.id
       returning work.*
     ),
     killed as (
       insert into failed_attempts (work, work_id, order_id, attempt, error)
       select :table, id, order_id, attempts, why_dead from claimed join due using (id) where used_up
     )
     select * from claimed`,
    {
      table: queue.table,
      limit,
      max: maxAttempts,
      atSuspect,
      except,
      suspectAfter: SUSPECT_AFTER,
      shortest: SHORTEST_LEASE_SECONDS,
      spread: LEASE_SECONDS - SHORTEST_LEASE_SECONDS,
    },
  );
  return rows;
}

/** A claim that still holds. Not renewed: somebody else has locked its row for the moment. */
interface StillHeld {
  readonly id: number;
  readonly renewed: boolean;
}

/**
 * Extends leases. It waits for no lock, so that one locked row costs the others nothing. A claim that does not come back
 * was lost, or its failure is written: PostgreSQL may come to a renewal that was given up long after that, and would make
 * a pause of hours one of 30 s.
 */
export async function renew(db: Knex, queue: Queue, held: readonly Claim[]): Promise<StillHeld[]> {
  const { rows } = await db.raw<{ rows: StillHeld[] }>(
    `with claim as (
       select * from unnest(cast(:ids as bigint[]), cast(:tokens as int[])) as claim (id, attempts)
     ),
     held as (
       select id from :table: join claim using (id, attempts) where status = 'pending' and attempts_lost > 0
     ),
     free as (
       select id from :table: join claim using (id, attempts) where status = 'pending' and attempts_lost > 0
       for update of :table: skip locked
     ),
     renewed as (
       update :table: as work set next_attempt_at = now() + :seconds * interval '1 second'
       from free where work.id = free.id
       returning work.id
     )
     select held.id, renewed.id is not null as renewed from held left join renewed using (id)`,
    { table: queue.table, seconds: LEASE_SECONDS, ...tokensOf(held) },
  );
  return rows;
}

/** Gives claims back at once, for another process to take. A row that somebody else has locked goes when its lease ends. */
export async function release(
  db: Knex,
  queue: Queue,
  held: readonly Claim[],
  { counted }: { counted: boolean },
): Promise<void> {
  if (held.length === 0) return;
  await db.raw(
    `with free as (
       select id from :table:
       join unnest(cast(:ids as bigint[]), cast(:tokens as int[])) as claim (id, attempts) using (id, attempts)
       where status = 'pending'
       for update of :table: skip locked
     )
     update :table: as work set
       next_attempt_at = now(),
       attempts = case when :counted then attempts else attempts - 1 end,
       attempts_lost = case when :counted then 0 else attempts_lost - 1 end
     from free where work.id = free.id`,
    { table: queue.table, counted, ...tokensOf(held) },
  );
}

function tokensOf(held: readonly Claim[]) {
  return { ids: held.map(({ id }) => id), tokens: held.map(({ attempts }) => attempts) };
}

/**
 * Writes that the work is done. The ids that come back are settled; the other claims were lost meanwhile. A row that this
 * claim has settled before counts as settled: the answer may have been lost with its connection. Rows are locked in the
 * order of their ids, so two statements over the same rows never wait for each other in a circle.
 */
export async function settleDone(db: Knex, queue: Queue, held: readonly Claim[]): Promise<number[]> {
  const { rows } = await db.raw<{ rows: { id: number }[] }>(
    `with held as (
       select id, status from :table:
       join unnest(cast(:ids as bigint[]), cast(:tokens as int[])) as claim (id, attempts) using (id, attempts)
       where status = 'pending' or status = :done and attempts_lost = 0
       order by id
       for update of :table:
     ),
     done as (
       update :table: as work set status = :done, :doneAt: = now(), next_attempt_at = null, last_error = null, attempts_lost = 0
       from held where work.id = held.id and held.status = 'pending'
     )
     select id from held`,
    { ...queue, ...tokensOf(held) },
  );
  return rows.map((row) => row.id);
}

/**
 * Writes that the attempt failed: again after `pauseMs`, or never again (null). False when the claim was lost meanwhile.
 * What this claim has written before is not written twice.
 */
export async function settleFailed(
  db: Knex,
  queue: Queue,
  { id, attempts }: Claim,
  outcome: { error: string; pauseMs: number | null },
): Promise<boolean> {
  const { rowCount } = await db.raw<{ rowCount: number }>(
    `with held as (
       select id, attempts_lost from :table:
       where id = :id and attempts = :attempts and (status = 'pending' or attempts_lost = 0)
       for update
     ),
     failed as (
       update :table: as work set
         status = case when cast(:pause as float8) is null then 'dead' else 'pending' end,
         died_at = case when cast(:pause as float8) is null then now() else died_at end,
         next_attempt_at = now() + cast(:pause as float8) * interval '1 millisecond',
         last_error = :error,
         attempts_lost = 0
       from held where work.id = held.id and held.attempts_lost > 0
       returning work.*
     ),
     kept as (
       insert into failed_attempts (work, work_id, order_id, attempt, error, next_attempt_at)
       select :table, id, order_id, attempts, last_error, next_attempt_at from failed
     )
     select from held`,
    { table: queue.table, id, attempts, pause: outcome.pauseMs, error: outcome.error },
  );
  return rowCount > 0;
}
