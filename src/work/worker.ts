import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { type Span, SpanKind } from '@opentelemetry/api';
import { atMost } from '../at-most.ts';
import type { Knex } from '../db/knex.ts';
import { shared } from '../db/shared.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { during, inside, markFailed, startSpan } from '../tracing/spans.ts';
import { DATABASE_PATIENCE_MS, keepLeases, type Lease } from './leases.ts';
import { type Claim, claim, isSuspect, type Queue, SHORTEST_LEASE_SECONDS } from './queue.ts';
import { idsOf, type Outcome, settler } from './settle.ts';

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

type Prepare<Subject> = (subject: Subject, signal: AbortSignal) => Promise<Subject>;

/** A kind of work: where it is owed, and how it is done. */
export interface Work<Row extends Claim, Subject> {
  readonly queue: Queue;
  /** What attempts at these rows are about, in their order. Read for a whole claim at once. */
  readonly load: (rows: readonly Row[]) => Promise<readonly Subject[]>;
  /** The checkout session whose trace an attempt belongs to. */
  readonly sessionOf: (subject: Subject) => string;
  /**
   * What can be done for an attempt before it has its place. It resolves with the subject as the attempt will find it.
   * When it throws, an attempt that waits for it, or begins within a second, fails by that error; one that begins later
   * reads its subject anew.
   */
  readonly prepare?: Prepare<Subject>;
  /** One attempt. It throws to be tried again, and stops early when the signal says so. */
  readonly perform: (subject: Subject, signal: AbortSignal) => Promise<void>;
}

interface Options<Row extends Claim, Subject> extends Work<Row, Subject> {
  readonly db: Knex;
  /** Attempts at a time, which may be none; asked before each, and each second. */
  readonly concurrency: () => number;
  readonly maxAttempts: number;
  /** Hears what became of each attempt, and what it took. */
  readonly onAttempt?: (outcome: Outcome, seconds: number) => void;
  readonly log: Logger;
}

interface Held<Row extends Claim, Subject> extends Lease {
  readonly row: Row;
  readonly subject: Promise<Subject>;
  /** When that was read, on the clock of the lease. */
  readonly readAt: number;
  /** The same once it is prepared, where that has begun. */
  prepared?: Promise<Subject>;
  /** When that ended, well or not. */
  preparedAt?: number;
  /** Its attempt, once it has begun. */
  ended?: Promise<void>;
  /** Of the attempt. */
  span?: Span;
}

const POLL_MS = 1_000;
/**
 * What was read longer ago is read again for its attempt, and its lease renewed: the order may have been erased, paid, or closed
 * while it waited. One that was closed as refunded, in line behind a slow receiver, was fulfilled up to 10 s later.
 */
const FRESH_MS = 1_000;
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
  const { db, queue, load, sessionOf, prepare, perform, concurrency, maxAttempts, onAttempt } = options;
  const log = options.log.child({ queue: queue.table });
  const settle = settler({ db, queue, maxAttempts, log });
  const leases = keepLeases<Held<Row, Subject>>(db, queue, { maxAttempts, log });
  /**
   * Renews leases and reads subjects anew, for many attempts in one go. With statements for each, 500 attempts kept a
   * worker's only connection from all else: 2,200 orders in 30 s instead of 5,000.
   */
  const reread = shared(
    async (ones: readonly Held<Row, Subject>[]) => {
      await leases.renew(ones);
      return load(ones.map(({ row }) => row));
    },
    ({ row }) => String(row.id),
    () => true,
  );
  const waiting: Held<Row, Subject>[] = [];
  let performing = 0;
  let preparing = 0;
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
      take(alive, until);
      return rows.length === limit;
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'could not claim work');
      return false;
    }
  }

  function take(rows: readonly Row[], until: number): void {
    if (rows.length === 0) return;
    const readAt = performance.now();
    const subjects = load(rows);
    const taken = rows.map((row, i): Held<Row, Subject> => {
      // Where reading them together fails each is read alone, so one poison order hurts only itself.
      const subject = subjects.then(
        (all) => all[i] as Subject,
        async () => (await load([row]))[0] as Subject,
      );
      // Whoever attempts it meets the error.
      subject.catch(() => {});
      return { row, subject, readAt, abort: new AbortController(), until, stage: 'waits' };
    });
    leases.add(taken);
    waiting.push(...taken);
  }

  function fillPlaces(): void {
    while (!stopping && performing < concurrency()) {
      const one = waiting.shift();
      if (!one) break;
      one.ended = attempt(one).finally(() => {
        leases.remove(one);
        if (behindSince !== null && hasRoom()) wake();
      });
    }
    prepareNext();
  }

  /**
   * Prepares what waits in line, so that a place is taken by the call of the receiver alone: while line items were fetched and stored
   * in it, ten places drained a backlog at 760 to 870 orders/s, and a quarter of the process's time was idle.
   */
  function prepareNext(): void {
    while (prepare && !stopping && preparing < concurrency() * PREPARED_PER_PLACE) {
      const one = waiting.find(({ prepared }) => prepared === undefined);
      if (!one) break;
      preparing += 1;
      one.prepared = prepared(one, prepare).finally(() => {
        preparing -= 1;
        one.preparedAt = performance.now();
        prepareNext();
      });
      // Its attempt meets the error.
      one.prepared.catch(() => {});
    }
  }

  async function prepared(one: Held<Row, Subject>, prepare: Prepare<Subject>): Promise<Subject> {
    const { row, abort } = one;
    const subject = await one.subject;
    const span = startSpan(`prepare ${queue.table}`, sessionOf(subject), { attributes: attributesOf(row) });
    return during(span, () => inside(span, () => prepare(subject, abort.signal)));
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

  /**
   * An attempt fails by the error of its preparation, however long ago the order was read. Otherwise, while Stripe did
   * not answer and preparations took 30 s to fail, the attempts that had waited for them began anew, and kept their
   * places for as long again.
   */
  async function subjectOf(one: Held<Row, Subject>): Promise<Subject> {
    if (one.preparedAt === undefined || isFresh(one.preparedAt)) await one.prepared;
    return isFresh(one.readAt) ? (one.prepared ?? one.subject) : reread(one);
  }

  /** The error of an attempt; undefined when it succeeded. */
  async function performed(one: Held<Row, Subject>): Promise<unknown> {
    const { row, abort } = one;
    try {
      const subject = subjectOf(one);
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

const attributesOf = ({ order_id, attempts }: Claim) => ({
  'checkout.order_id': order_id,
  'checkout.attempt': attempts,
});
const isPending = ({ status }: Claim) => status === 'pending';
const isFresh = (since: number) => performance.now() - since <= FRESH_MS;
