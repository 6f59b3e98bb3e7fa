import { atMost } from '../at-most.ts';
import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';

/**
 * Times up to each of these (milliseconds), and above the one before, are counted together. From 2 ms to 1 s each bound is at
 * most two thirds larger than the one before, which is how far off a percentile may be. Beyond 1 s they are coarser, since such
 * a delivery is slow in any case.
 */
const BOUNDS = [
  1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 2_000, 4_000, 10_000,
];
const WRITTEN_EVERY_MS = 60_000;
/** What a stop waits until the last minute's times are written: they are not worth more. */
const GRACE_MS = 1_000;

/**
 * Keeps the times that deliveries wait for their answer. Counts in memory, and writes once a minute: a delivery costs an
 * increment. Processes add to the same rows.
 */
export function keepAcknowledgements({ db, log }: { db: Knex; log: Logger }) {
  let counts = BOUNDS.map(() => 0);
  const write = async () => {
    const taken = counts;
    counts = BOUNDS.map(() => 0);
    try {
      await addAcknowledgements(db, taken);
    } catch (error) {
      counts = counts.map((count, i) => count + (taken[i] ?? 0));
      log.warn({ reason: messageOf(error) }, 'acknowledgement times could not be written');
    }
  };
  const timer = setInterval(write, WRITTEN_EVERY_MS).unref();
  return {
    /** One was answered after so many milliseconds. */
    took(ms: number): void {
      const i = BOUNDS.findIndex((bound) => ms <= bound);
      const place = i < 0 ? BOUNDS.length - 1 : i;
      counts[place] = (counts[place] ?? 0) + 1;
    },
    /** Writes the last of them, if the database takes them soon. */
    async stop(): Promise<void> {
      clearInterval(timer);
      await atMost(GRACE_MS, write());
    },
  };
}

/** Adds counts, one for each bound, to the quarter of an hour that it is, and forgets what the chart no longer shows. */
async function addAcknowledgements(db: Knex, counts: readonly number[]): Promise<void> {
  if (counts.every((count) => count === 0)) return;
  await db.raw(
    `with forgotten as (
       delete from acknowledgements where quarter < now() - interval '31 days'
     )
     insert into acknowledgements (quarter, within_ms, deliveries)
     select date_bin('15 minutes', now(), 'epoch'), within_ms, deliveries
     from unnest(cast(:bounds as int[]), cast(:counts as int[])) as counted (within_ms, deliveries)
     where deliveries > 0
     order by within_ms
     on conflict (quarter, within_ms) do update set deliveries = acknowledgements.deliveries + excluded.deliveries`,
    { bounds: BOUNDS, counts },
  );
}

/** How many were answered within a bound, and not within the one before. */
export interface DeliveriesWithin {
  readonly within_ms: number;
  readonly deliveries: number;
}

/** The time that this share of the deliveries kept to (0.99: all but one of a hundred); null when there were none. */
export function percentile(counted: readonly DeliveriesWithin[], share: number): number | null {
  const ascending = counted.toSorted((a, b) => a.within_ms - b.within_ms);
  const rank = share * ascending.reduce((sum, { deliveries }) => sum + deliveries, 0);
  let before = 0;
  for (const { within_ms, deliveries } of ascending) {
    if (before + deliveries >= rank) return between(within_ms, (rank - before) / deliveries);
    before += deliveries;
  }
  return null;
}

/** The times that are counted together are taken to be spread evenly. */
function between(bound: number, share: number): number {
  const lower = BOUNDS[BOUNDS.indexOf(bound) - 1] ?? 0;
  return lower + (bound - lower) * share;
}
