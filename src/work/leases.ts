import { atMost } from '../at-most.ts';
import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type Claim, LEASE_SECONDS, type Queue, release, renew } from './queue.ts';

/** A row whose lease is ours: it waits for its attempt, or is in it, or its outcome is being written. */
export interface Lease {
  readonly row: Claim;
  /** Aborted once the lease is lost, or given back. */
  readonly abort: AbortController;
  /** On the process's monotonic clock, in milliseconds. */
  until: number;
  stage: 'waits' | 'attempted' | 'settled';
}

const RENEW_MS = 10_000;
/** What a stop waits for a database that may be away. The leases that it can't give back end by themselves. */
export const DATABASE_PATIENCE_MS = 1_000;

/** The leases of a worker: renewed while they are held, and given back at the end. */
export function keepLeases<Held extends Lease>(
  db: Knex,
  queue: Queue,
  { maxAttempts, log }: { maxAttempts: number; log: Logger },
) {
  // No Map and no Set: one that changes with each row leaves a trail of outgrown tables, as in src/http/in-turn.ts.
  let held: readonly Held[] = [];
  let renewal: Promise<void> | undefined;

  const undecided = () => held.filter(({ stage }) => stage !== 'settled');

  async function renewThese(leases: readonly Held[]): Promise<void> {
    if (leases.length === 0) return;
    const until = performance.now() + LEASE_SECONDS * 1_000;
    try {
      const stillHeld = await renew(db, queue, rowsOf(leases));
      const renewedById = new Map(stillHeld.map(({ id, renewed }) => [id, renewed]));
      for (const lease of leases) {
        if (!renewedById.has(lease.row.id)) lease.abort.abort();
        else if (renewedById.get(lease.row.id)) lease.until = until;
      }
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not renew leases');
    }
    for (const lease of leases) if (performance.now() >= lease.until) lease.abort.abort();
  }

  const renewing = setInterval(() => {
    renewal ??= renewThese(undecided()).finally(() => {
      renewal = undefined;
    });
  }, RENEW_MS);

  /**
   * Attempts that had not begun are not counted. Nor is a row's last one: the stop breaks it off, and the order would be
   * dead though nobody has refused it. Rows whose outcome is being written are left to that.
   */
  async function handBack(): Promise<void> {
    const leases = undecided();
    const counts = ({ stage, row }: Lease) => stage === 'attempted' && row.attempts < maxAttempts;
    const [counted, uncounted] = [leases.filter(counts), leases.filter((lease) => !counts(lease))];
    try {
      await release(db, queue, rowsOf(uncounted), { counted: false });
      await release(db, queue, rowsOf(counted), { counted: true });
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not give leases back: they end by themselves');
    }
  }

  return {
    held: () => held,
    /** Those whose outcome is being written. */
    settling: () => held.filter(({ stage }) => stage === 'settled'),
    /** Now, and not at the next time: those that were lost are aborted. */
    renew: renewThese,
    add(leases: readonly Held[]): void {
      // An earlier attempt at one of them has lost its lease, or it could not have been claimed again.
      const ids = new Set(leases.map(({ row }) => row.id));
      for (const { row, abort } of held) if (ids.has(row.id)) abort.abort();
      held = [...held, ...leases];
    },
    remove(lease: Held): void {
      held = held.filter((other) => other !== lease);
    },
    /**
     * From here on the lease is neither renewed nor given back. A renewal that came after the outcome would make a pause
     * of hours one of 30 s, so one that is under way is waited for.
     */
    async leaveAlone(lease: Held): Promise<void> {
      lease.stage = 'settled';
      await renewal;
    },
    async end(): Promise<void> {
      clearInterval(renewing);
      // A renewal has the rows locked, and what is locked is not given back.
      await atMost(DATABASE_PATIENCE_MS, Promise.resolve(renewal));
      // Begun before the attempts are broken off: those leave what is held.
      const handing = handBack();
      for (const { abort } of held) abort.abort();
      await atMost(DATABASE_PATIENCE_MS, handing);
    },
  };
}

const rowsOf = (leases: readonly Lease[]) => leases.map(({ row }) => row);
