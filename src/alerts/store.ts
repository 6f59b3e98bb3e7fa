import type { Knex } from '../db/knex.ts';
import type { Alert, Cause, Finding } from './alert.ts';

/** A cause that nobody has seen for so long is over. Whoever sees one says so far more often (watch.ts). */
export const OVER_AFTER_SECONDS = 120;
/** What has come up by then is told. */
const AGAIN_AFTER_SECONDS = 60 * 60;
/** While one process tells, no other does; when it is killed, another one does after this time. */
const LEASE_SECONDS = 60;
/**
 * An alert that was over so long ago is not told for the first time: a shop's first channel would tell of all the months
 * before it.
 */
const NEWS_HOURS = 24;

/** The cause is there: a new alert, which comes back, or an old one that goes on (null). */
export async function raise(db: Knex, { cause, details }: Finding): Promise<Alert | null> {
  const newest_at = 'newest_at' in details ? details.newest_at : null;
  if (newest_at !== null) await endOutdated(db, { cause, newest_at });
  const { rows } = await db.raw<{ rows: (Alert & { is_new: boolean })[] }>(
    `insert into alerts (cause, details, newest_at) values (:cause, :details, :newest_at)
     on conflict (cause) where over_at is null do update set seen_at = now(), details = excluded.details
     returning *, xmax = 0 as is_new`,
    { cause, newest_at, details: JSON.stringify(details) },
  );
  return rows.find(({ is_new }) => is_new) ?? null;
}

/**
 * Where something has come up since an old alert was raised, a new one takes its place after an hour: else the first dead
 * order that nobody clears away would hide all later ones. Not by how many there are: of an order that died while another
 * one was settled, nobody was told.
 */
async function endOutdated(db: Knex, { cause, newest_at }: { cause: Cause; newest_at: Date }): Promise<void> {
  await db.raw(
    `update alerts set over_at = now(), next_attempt_at = null
     where cause = :cause and over_at is null and newest_at < :newest_at
       and raised_at < now() - :seconds * interval '1 second'`,
    { cause, newest_at, seconds: AGAIN_AFTER_SECONDS },
  );
}

/** Ends the alerts whose cause nobody sees any more. They come back, and are owed to the channels. */
export async function endUnseen(db: Knex): Promise<readonly Alert[]> {
  const { rows } = await db.raw<{ rows: Alert[] }>(
    `update alerts set over_at = now(), next_attempt_at = now()
     where over_at is null and seen_at < now() - :seconds * interval '1 second'
     returning *`,
    { seconds: OVER_AFTER_SECONDS },
  );
  return rows;
}

/** What stands, but for owed work that stands still: whoever asks sees that in the work itself, as it is right now. */
export async function standingBesidesWork(db: Knex): Promise<Alert[]> {
  const ofWork: Cause[] = ['fulfillments_dead', 'notifications_dead', 'orders_unfulfilled'];
  return db('alerts').whereNull('over_at').whereNotIn('cause', ofWork).orderBy('id');
}

/** How many of today's were tried to be told, and are not known to every channel after a minute. */
export async function countUntold(db: Knex): Promise<number> {
  const { rows } = await db.raw<{ rows: [{ count: number }] }>(
    `select count(*) from alerts
     where next_attempt_at is not null and attempts > 0
       and coalesce(over_at, raised_at) < now() - interval '1 minute'
       and coalesce(over_at, 'infinity') > now() - :news * interval '1 hour'`,
    { news: NEWS_HOURS },
  );
  return rows[0].count;
}

/** Takes an alert of which there is something to tell; no other process gets it meanwhile. */
export async function claimUntold(db: Knex): Promise<Alert | null> {
  const { rows } = await db.raw<{ rows: Alert[] }>(
    `with due as (
       select id from alerts
       where next_attempt_at <= now()
         and (told <> '{}' or coalesce(over_at, 'infinity') > now() - :news * interval '1 hour')
       order by next_attempt_at
       limit 1
       for update skip locked
     )
     update alerts set attempts = attempts + 1, next_attempt_at = now() + :lease * interval '1 second'
     from due where alerts.id = due.id
     returning alerts.*`,
    { lease: LEASE_SECONDS, news: NEWS_HOURS },
  );
  return rows[0] ?? null;
}

/**
 * Keeps who knows of it now; the rest is due again after `pauseMs`, or there is no rest (null). Not where another process
 * has claimed it meanwhile, or where it has come to its end: then there is something else to tell.
 */
export async function settleTold(
  db: Knex,
  { id, attempts, over_at }: Alert,
  { told, pauseMs }: { told: readonly string[]; pauseMs: number | null },
): Promise<void> {
  await db.raw(
    `update alerts set
       told = told || cast(:told as text[]),
       next_attempt_at = now() + cast(:pause as float8) * interval '1 millisecond'
     where id = :id and attempts = :attempts and (over_at is null) = :raised`,
    { id, attempts, raised: over_at === null, told: [...told], pause: pauseMs },
  );
}
