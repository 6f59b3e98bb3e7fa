import { randomUUID } from 'node:crypto';
import type { Knex } from '../db/knex.ts';
import type { Listed } from '../stripe/lists.ts';

export type ListName = 'events' | 'checkout_sessions';

/** Where a walk through one of Stripe's lists begins. Times are seconds since 1970, as Stripe counts. */
export interface Beginning {
  /** The last object that was looked at. */
  readonly position: string | null;
  /** Without a position: from this time on. With one: when that object was created. */
  readonly since: number;
}

/** A list's cursor, while somebody walks the list by it. */
export interface Held extends Beginning {
  /** Between pages: the list stays held, and the cursor moves to what was reached, unless that is null. */
  keep(reached: Listed | null): Promise<void>;
  /** The walk is over, and the next one is due by the schedule. */
  release(): Promise<void>;
}

/** Another run has taken the list over, as a person's does from the schedule. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
  constructor(list: ListName) {
    super(`Another run of reconcile has taken over the list of ${list}.`);
  }
}

/**
 * New events are one call a run for up to 100 of them, so a shop whose webhooks fail is behind for half an hour at
 * most. The audit reads every session once, a call for 100 of them: once a day, as it is for what events do not tell.
 */
const EVERY_SECONDS: Readonly<Record<ListName, number>> = {
  events: 15 * 60,
  checkout_sessions: 24 * 60 * 60,
};

/** A page takes seconds. Who has not kept the list for so long is gone. */
const HELD_SECONDS = 15 * 60;

/** What a run that nobody told otherwise looks back: for so long Stripe tries to deliver an event. */
export const USUAL_SECONDS = 3 * 24 * 60 * 60;

/** For a look that changes nothing: no cursor moves, and the list is nobody's. */
export async function lookAt(db: Knex, list: ListName, since: number | null): Promise<Held> {
  return { ...(await beginningOf(db, list, since)), keep: async () => {}, release: async () => {} };
}

/**
 * Takes the list from whoever holds it. The cursor goes back to `since`, if that is given and earlier. It never goes
 * forward: what lies between has not been looked at and is left to the next run, so a run that begins later neither moves
 * the cursor nor puts that run off.
 */
export async function takeOver(
  trx: Knex.Transaction,
  list: ListName,
  since: number | null,
  db: Knex,
): Promise<Held> {
  const holder = randomUUID();
  const beginning = await beginningOf(trx, list, since);
  const { rows } = await trx.raw<{ rows: [{ follows: boolean; due: Date }] }>(
    `with found as (
       select next_run_at as due from reconcile_cursors where list = :list for update
     )
     update reconcile_cursors set
       held_by = :holder, next_run_at = now() + :held * interval '1 second',
       position = case when since < to_timestamp(:since) then position else :position end,
       since = least(since, to_timestamp(:since))
     from found where list = :list
     returning since = to_timestamp(:since) as follows, due`,
    { list, holder, held: HELD_SECONDS, ...beginning },
  );
  const [{ follows, due }] = rows;
  const held = heldBy(holder, db, list, beginning);
  if (follows) return held;
  return {
    ...held,
    keep: () => held.keep(null),
    async release() {
      await db('reconcile_cursors')
        .where({ list, held_by: holder })
        .update({ held_by: null, next_run_at: due });
    },
  };
}

/** The list, if its next run is due: then nobody else gets it. */
export async function claimDue(db: Knex, list: ListName): Promise<Held | null> {
  const holder = randomUUID();
  const { rows } = await db.raw<{ rows: Beginning[] }>(
    `update reconcile_cursors set
       held_by = :holder, next_run_at = now() + :held * interval '1 second', attempts = attempts + 1
     where list = :list and next_run_at <= now()
     returning position, floor(extract(epoch from since))::int8 as since`,
    { list, holder, held: HELD_SECONDS },
  );
  return rows[0] ? heldBy(holder, db, list, rows[0]) : null;
}

/** Begun a quarter of an hour apart: one that fails may be a deploy or a hiccup of Stripe's. */
const FAILING_AFTER = 3;

export interface Failing {
  readonly list: ListName;
  /** Runs in a row that ended before they got anywhere, by an error or a kill. */
  readonly runs: number;
}

/** The list that the worker gets nowhere with, the longest first where it is both; null where all is well. */
export async function failingList(db: Knex): Promise<Failing | null> {
  const { rows } = await db.raw<{ rows: Failing[] }>(
    `select list, attempts - 1 as runs from reconcile_cursors where attempts > :failingAfter
     order by attempts desc, list limit 1`,
    { failingAfter: FAILING_AFTER },
  );
  return rows[0] ?? null;
}

async function beginningOf(db: Knex, list: ListName, since: number | null): Promise<Beginning> {
  if (since !== null) return { position: null, since };
  const { rows } = await db.raw<{ rows: Beginning[] }>(
    `select position, floor(extract(epoch from
       case when position is null then least(since, now() - :usual * interval '1 second') else since end))::int8 as since
     from reconcile_cursors where list = :list`,
    { list, usual: USUAL_SECONDS },
  );
  return rows[0] as Beginning;
}

function heldBy(holder: string, db: Knex, list: ListName, beginning: Beginning): Held {
  return {
    ...beginning,
    async keep(reached) {
      const { rowCount } = await db.raw<{ rowCount: number }>(
        `update reconcile_cursors set
           position = coalesce(:id, position), since = coalesce(to_timestamp(:created), since),
           next_run_at = now() + :held * interval '1 second',
           attempts = case when cast(:id as text) is null then attempts else 0 end
         where list = :list and held_by = :holder`,
        { list, holder, held: HELD_SECONDS, id: reached?.id ?? null, created: reached?.created ?? null },
      );
      if (rowCount === 0) throw new Overtaken(list);
    },
    // Up to a tenth sooner or later, so that the world's shops do not ask Stripe all at once.
    async release() {
      await db.raw(
        `update reconcile_cursors set
           held_by = null, attempts = 0,
           next_run_at = now() + :every * (0.9 + 0.2 * random()) * interval '1 second'
         where list = :list and held_by = :holder`,
        { list, holder, every: EVERY_SECONDS[list] },
      );
    },
  };
}
