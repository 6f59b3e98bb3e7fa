import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { type Span, SpanKind } from '@opentelemetry/api';
import { atMost } from '../at-most.ts';
import type { Knex } from '../db/knex.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { inside, markFailed, startSpan } from '../tracing/spans.ts';
import type { Work } from './kind.ts';
import { DATABASE_PATIENCE_MS, keepLeases } from './leases.ts';
import { attributesOf, type InLine, openLine } from './line.ts';
import { type Claim, claim, isSuspect, SHORTEST_LEASE_SECONDS } from './queue.ts';
import { type AttemptOutcome, idsOf, settler } from './settle.ts';

export interface Worker {
  /** There may be due work now: look soon instead of at the next poll. */
  wake(): void;
  /**
   * For how many milliseconds each look at the queue has found as many due rows as there was room for, or no room; 0
   * where the last look had room for all.
   */
  behindMs(): number;
  /** Begins nothing more, lets attempts end for `graceMs`, then breaks the others off and releases all leases. Once. */
  stop(graceMs: number): Promise<void>;
}

interface Options<Row extends Claim, Subject> extends Work<Row, Subject> {
  readonly db: Knex;
  /** Attempts at a time, which may be none; asked before each, and each second. */
  readonly concurrency: () => number;
  readonly maxAttempts: number;
  /** Hears what became of each attempt, and what it took. */
  readonly onAttempt?: (outcome: AttemptOutcome, seconds: number) => void;
  readonly log: Logger;
}

interface Held<Row extends Claim, Subject> extends InLine<Row, Subject> {
  /** Its attempt, once it has begun. */
  ended?: Promise<void>;
  /** Of the attempt. */
  span?: Span;
}

const POLL_MS = 1_000;
/** Between two claims, so that work which comes in bit by bit is claimed together. */
const GATHER_MS = 10;
/**
 * For each place, which is one attempt at a time: the rows that a worker holds at most, the least that it claims at once
 * while there are more, and those that it prepares at a time. So a place that becomes free finds its next row claimed,
 * read and prepared, and a backlog never sits in memory. With five rows held for each place, a backlog drained at 900
 * orders/s instead of 1,100.
 */
const HELD_PER_PLACE = 10;
const CLAIMED_PER_PLACE = 2;
const PREPARED_PER_PLACE = 2;
const unref = { ref: false };

/** A dull loop: claim what is due, attempt it, settle it. Any number of processes may run it on one table. */
export function startWorker<Row extends Claim, Subject>(options: Options<Row, Subject>): Worker {
  const { db, queue, sessionOf, perform, concurrency, maxAttempts, onAttempt } = options;
  const log = options.log.child({ queue: queue.table });
  const settle = settler({ db, queue, maxAttempts, log });
  const leases = keepLeases<Held<Row, Subject>>(db, queue, { maxAttempts, log });
  const line = openLine<Row, Subject>({
    work: options,
    preparedAtOnce: () => concurrency() * PREPARED_PER_PLACE,
    renew: leases.renew,
  });
  let performing = 0;
  let stopping = false;
  /** On the process's monotonic clock. */
  let behindSince: number | null = null;
  let bell = Promise.withResolvers<void>();

  const wake = () => bell.resolve();
  const room = () => concurrency() * HELD_PER_PLACE - leases.held().length;
  const hasRoom = () => room() >= Math.max(1, concurrency() * CLAIMED_PER_PLACE);

  async function loop(): Promise<void> {
    while (!stopping) {
      bell = Promise.withResolvers<void>();
      const isBehind = await claimDue();
      behindSince = isBehind ? (behindSince ?? performance.now()) : null;
      // Even if nothing was claimed: there may be more places now than when the rows that are held were claimed.
      fillPlaces();
      // Room may have been made while the claim was under way: nobody will ring for it any more.
      if (isBehind && hasRoom()) continue;
      await Promise.race([bell.promise, pause(POLL_MS, undefined, unref)]);
      if (!stopping && !isBehind) await pause(GATHER_MS, undefined, unref);
    }
  }

  /** Claims what there is room for. True when there may be more due than fitted. */
  async function claimDue(): Promise<boolean> {
    if (!hasRoom()) return true;
    const limit = room();
    try {
      const until = performance.now() + SHORTEST_LEASE_SECONDS * 1_000;
      const atSuspect = leases.held().some(({ row }) => isSuspect(row));
      // What was done while the database was away is written, and not done again.
      const except = leases.settling().map(({ row }) => row.id);
      const rows = await claim<Row>(db, queue, { limit, maxAttempts, atSuspect, except });
      const [alive, dead] = [rows.filter(isPending), rows.filter((row) => !isPending(row))];
      for (const row of dead) log.error(idsOf(row), 'dead: no attempt is left');
      leases.add(line.add(alive, until));
      return rows.length === limit;
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not claim work');
      return false;
    }
  }

  function fillPlaces(): void {
    while (!stopping && performing < concurrency()) {
      const one: Held<Row, Subject> | undefined = line.next();
      if (!one) break;
      one.ended = attempt(one).finally(() => {
        leases.remove(one);
        if (behindSince !== null && hasRoom()) wake();
      });
    }
    line.prepareNext();
  }

  async function attempt(one: Held<Row, Subject>): Promise<void> {
    const { signal } = one.abort;
    const isOurs = () => !signal.aborted;
    const isHeld = () => isOurs() && performance.now() < one.until;
    // It may have waited while the database was away and no lease could be renewed.
    if (!isHeld()) return;
    one.stage = 'attempted';
    performing += 1;
    const began = performance.now();
    // Raced, because not every library can be told to stop.
    const error = await Promise.race([performed(one), once(signal, 'abort')]);
    const seconds = (performance.now() - began) / 1_000;
    performing -= 1;
    fillPlaces();
    if (signal.aborted) return one.span?.setAttribute('checkout.outcome', 'broken_off').end();
    if (error !== undefined && one.span) markFailed(one.span, messageOf(error));
    await leases.leaveAlone(one);
    const outcome = await settle(one.row, error, { isHeld, isOurs });
    one.span?.setAttribute('checkout.outcome', outcome).end();
    onAttempt?.(outcome, seconds);
  }

  /** The error of an attempt; undefined when it succeeded. */
  async function performed(one: Held<Row, Subject>): Promise<unknown> {
    const { row, abort } = one;
    try {
      const subject = line.subjectOf(one);
      const session = await subject.catch(() => one.subject).then(sessionOf, () => undefined);
      abort.signal.throwIfAborted();
      one.span = startSpan(`attempt ${queue.table}`, session, {
        kind: SpanKind.CONSUMER,
        attributes: attributesOf(row),
      });
      await inside(one.span, async () => perform(await subject, abort.signal));
      return undefined;
    } catch (error) {
      return error ?? new Error('unknown');
    }
  }

  const looping = loop();

  async function end(graceMs: number): Promise<void> {
    stopping = true;
    line.close();
    wake();
    const attempts = Promise.all(leases.held().map(({ ended }) => ended));
    await Promise.all([atMost(DATABASE_PATIENCE_MS, looping), atMost(graceMs, attempts)]);
    await leases.end();
  }

  let ended: Promise<void> | undefined;
  return {
    wake,
    behindMs: () => (behindSince === null ? 0 : performance.now() - behindSince),
    stop(graceMs) {
      ended ??= end(graceMs);
      return ended;
    },
  };
}

const isPending = ({ status }: Claim) => status === 'pending';
