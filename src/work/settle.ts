import { setTimeout as pause } from 'node:timers/promises';
import { isOfDatabase, isStatementError } from '../db/errors.ts';
import type { Knex } from '../db/knex.ts';
import { shared } from '../db/shared.ts';
import { storable } from '../db/storable.ts';
import { faultOf, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { AttemptFailed } from './attempt.ts';
import { backoffMs } from './backoff.ts';
import { type Claim, type Queue, settleDone, settleFailed } from './queue.ts';

/** What became of an attempt; `lost` when its lease ended before anybody knew that the outcome was written. */
export type AttemptOutcome = (typeof attemptOutcomes)[number];
export const attemptOutcomes = ['done', 'failed', 'dead', 'lost'] as const;

/**
 * `isHeld`: the lease lasts. `isOurs`: it may have ended, but as far as this process knows nobody else has claimed the
 * row since.
 */
interface Hold {
  readonly isHeld: () => boolean;
  readonly isOurs: () => boolean;
}

interface Options {
  readonly db: Knex;
  readonly queue: Queue;
  readonly maxAttempts: number;
  readonly log: Logger;
}

/** Of an error's characters. A shop's own function may throw the whole page that it was answered, at each of twelve attempts. */
const LONGEST_REASON = 2_000;

const AGAIN_MS = 1_000;
/**
 * From one shared statement to the next, to gather what comes meanwhile. It keeps nobody waiting: these attempts have
 * given up their places.
 */
const GATHER_MS = 10;

export function settler({ db, queue, maxAttempts, log }: Options) {
  /**
   * Attempts that succeed side by side share a statement. With what else is shared, a backlog costs 0.8 transactions an
   * order, its mail included; with one for each step it was eight and more.
   */
  const done = shared(
    async (rows: readonly Claim[]) => {
      const settled = new Set(await settleDone(db, queue, rows));
      await pause(GATHER_MS);
      return rows.map(({ id }) => settled.has(id));
    },
    ({ id }) => String(id),
  );

  function pauseAfter(row: Claim, error: unknown): number | null {
    const failure = error instanceof AttemptFailed ? error : null;
    if (failure?.final || row.attempts >= maxAttempts) return null;
    return backoffMs(row.attempts, failure?.retryAfterMs);
  }

  /**
   * Writes an outcome, and again while the database is away: what was done must not be forgotten. A failure is tried
   * while the lease holds, a success until the database is back, which is safe since a later claim has another number.
   * (When a success was given up with its lease, after half a minute, orders were fulfilled and customers written to once
   * more.) What the statement itself fails by, such as a lock, is not tried beyond the lease: the next attempt waits for
   * that lock instead.
   */
  async function inTheEnd(
    row: Claim,
    { isHeld, isOurs }: Hold,
    { succeeded, write }: { succeeded: boolean; write: () => Promise<boolean> },
  ): Promise<boolean> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        const held = isHeld();
        const kept = succeeded && isOurs() && !isStatementError(error);
        // Of a long outage only its first half minute is told, row by row.
        if (held || !kept)
          log.warn({ ...idsOf(row), reason: messageOf(error) }, 'could not write the outcome');
        if (!held && !kept) return false;
        await pause(AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  /** Writes what became of an attempt; `error` is undefined when it succeeded. It never throws. */
  return async (row: Claim, error: unknown, hold: Hold): Promise<AttemptOutcome> => {
    const failure = error === undefined ? null : { error: reasonOf(error), pauseMs: pauseAfter(row, error) };
    const write = () => (failure === null ? done(row) : settleFailed(db, queue, row, failure));
    if (!(await inTheEnd(row, hold, { succeeded: failure === null, write }))) {
      log.warn(idsOf(row), 'the lease was lost before the outcome was known to be written');
      return 'lost';
    }
    if (failure === null) {
      log.info(idsOf(row), queue.done);
      return 'done';
    }
    const report = { ...idsOf(row), reason: failure.error, ...faultOf(error) };
    if (failure.pauseMs === null) {
      log.error(report, 'dead: no further attempt without a person');
      return 'dead';
    }
    log.warn({ ...report, again_in_ms: failure.pauseMs }, 'attempt failed');
    return 'failed';
  };
}

/** The database's errors are named as Stripe's are: on an order's time line, "read ECONNRESET" passed for the receiver's. */
function reasonOf(error: unknown): string {
  const whose = isOfDatabase(error) ? 'PostgreSQL: ' : '';
  return storable(`${whose}${messageOf(error)}`.slice(0, LONGEST_REASON));
}

export function idsOf({ order_id, attempts }: Claim) {
  return { order_id, attempt: attempts };
}
