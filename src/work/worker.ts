import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Knex } from 'knex';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { AttemptFailed } from './attempt.ts';
import { backoffMs } from './backoff.ts';
import {
  type Claim,
  claim,
  LEASE_SECONDS,
  type Queue,
  release,
  renew,
  settleDone,
  settleFailed,
} from './queue.ts';

export interface Worker {
  /** There may be due work now: look at once instead of at the next poll. */
  wake(): void;
  /** Claims nothing more, lets attempts end for `graceMs`, then breaks the others off and releases their leases. Once. */
  stop(graceMs: number): Promise<void>;
}

interface Options<Row extends Claim> {
  readonly db: Knex;
  readonly queue: Queue;
  /** One attempt. It throws to be tried again, and stops early when the signal says so. */
  readonly perform: (row: Row, signal: AbortSignal) => Promise<void>;
  readonly concurrency: number;
  readonly maxAttempts: number;
  readonly log: Logger;
}

interface Held<Row> {
  readonly row: Row;
  readonly abort: AbortController;
  /** On the process's monotonic clock, in milliseconds. */
  leasedUntil: number;
}

const POLL_MS = 1_000;
const RENEW_MS = 10_000;
const unref = { ref: false };

/** A dull loop: claim what is due, attempt it, settle it. Any number of processes may run it on one table. */
export function startWorker<Row extends Claim>(options: Options<Row>): Worker {
  const { db, queue, perform, concurrency, maxAttempts } = options;
  const log = options.log.child({ queue: queue.table });
  const active = new Map<number, Held<Row>>();
  const running = new Set<Promise<void>>();
  let stopping = false;
  let backlog = false;
  let bell = Promise.withResolvers<void>();

  const wake = () => bell.resolve();
  const leaseEnd = () => performance.now() + LEASE_SECONDS * 1_000;

  async function loop(): Promise<void> {
    while (!stopping) {
      bell = Promise.withResolvers<void>();
      backlog = await claimDue();
      // Places may have become free while the claim was under way: nobody will ring for them any more.
      if (backlog && active.size < concurrency) continue;
      if (!stopping) await Promise.race([bell.promise, pause(POLL_MS, undefined, unref)]);
    }
  }

  /** Fills the free places. True when there may be more due than fitted. */
  async function claimDue(): Promise<boolean> {
    const free = concurrency - active.size;
    if (free === 0) return true;
    try {
      const leasedUntil = leaseEnd();
      const rows = await claim<Row>(db, queue, { limit: free, maxAttempts });
      for (const row of rows) {
        if (row.status === 'dead') log.error(idsOf(row), 'dead: the process was killed in the last attempt');
        else run({ row, abort: new AbortController(), leasedUntil });
      }
      return rows.length === free;
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not claim work');
      return false;
    }
  }

  function run(held: Held<Row>): void {
    active.set(held.row.id, held);
    const ended = attempt(held).finally(() => {
      // Not a later attempt's place, which begins when this one's lease was lost.
      if (active.get(held.row.id) === held) active.delete(held.row.id);
      running.delete(ended);
      if (backlog) wake();
    });
    running.add(ended);
  }

  async function attempt(held: Held<Row>): Promise<void> {
    const { signal } = held.abort;
    // Raced, because not every library can be told to stop.
    const error = await Promise.race([performed(held.row, signal), once(signal, 'abort')]);
    if (!signal.aborted) await settle(held, error);
  }

  /** The error of an attempt; undefined when it succeeded. */
  async function performed(row: Row, signal: AbortSignal): Promise<unknown> {
    try {
      await perform(row, signal);
      return undefined;
    } catch (error) {
      return error ?? new Error('unknown');
    }
  }

  async function settle(held: Held<Row>, error: unknown): Promise<void> {
    const { row } = held;
    const pauseMs = error === undefined ? null : pauseAfter(row, error);
    const write = () =>
      error === undefined
        ? settleDone(db, queue, row)
        : settleFailed(db, queue, row, { error: messageOf(error), pauseMs });
    const written = await whileLeased(held, write);
    if (!written) return log.warn(idsOf(row), 'the lease was lost before the outcome could be written');
    if (error === undefined) return log.info(idsOf(row), queue.done);
    const report = { ...idsOf(row), reason: messageOf(error) };
    if (pauseMs === null) log.error(report, 'dead: no further attempt without a person');
    else log.warn({ ...report, again_in_ms: pauseMs }, 'attempt failed');
  }

  function pauseAfter(row: Row, error: unknown): number | null {
    const failure = error instanceof AttemptFailed ? error : null;
    if (failure?.final || row.attempts >= maxAttempts) return null;
    return backoffMs(row.attempts, failure?.retryAfterMs);
  }

  /** What was done must not be forgotten because the database was away for a moment: written again while the lease holds. */
  async function whileLeased(held: Held<Row>, write: () => Promise<boolean>): Promise<boolean> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        log.warn({ ...idsOf(held.row), reason: messageOf(error) }, 'could not write the outcome');
        if (stopping || held.abort.signal.aborted || performance.now() >= held.leasedUntil) return false;
        await pause(POLL_MS, undefined, unref);
      }
    }
  }

  async function renewLeases(): Promise<void> {
    const held = [...active.values()];
    if (held.length === 0) return;
    const leasedUntil = leaseEnd();
    try {
      const kept = new Set(
        await renew(
          db,
          queue,
          held.map(({ row }) => row),
        ),
      );
      for (const one of held) {
        if (kept.has(one.row.id)) one.leasedUntil = leasedUntil;
        else one.abort.abort();
      }
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not renew leases');
      for (const one of held) if (performance.now() >= one.leasedUntil) one.abort.abort();
    }
  }

  const renewing = setInterval(() => void renewLeases(), RENEW_MS);
  const looping = loop();

  async function end(graceMs: number): Promise<void> {
    stopping = true;
    wake();
    await looping;
    await Promise.race([Promise.all(running), pause(graceMs, undefined, unref)]);
    clearInterval(renewing);
    const rest = [...active.values()];
    for (const { abort } of rest) abort.abort();
    const rows = rest.map(({ row }) => row);
    if (rows.length > 0) await release(db, queue, rows);
  }

  let ended: Promise<void> | undefined;
  return {
    wake,
    stop(graceMs) {
      ended ??= end(graceMs);
      return ended;
    },
  };
}

function idsOf({ order_id, attempts }: Claim) {
  return { order_id, attempt: attempts };
}
