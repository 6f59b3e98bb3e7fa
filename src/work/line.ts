import { shared } from '../db/shared.ts';
import { during, inside, startSpan } from '../tracing/spans.ts';
import type { Prepare, Work } from './kind.ts';
import type { Lease } from './leases.ts';
import type { Claim } from './queue.ts';

/** A claimed row, with what its attempt is about. */
export interface InLine<Row extends Claim, Subject> extends Lease {
  readonly row: Row;
  readonly subject: Promise<Subject>;
  /** When that was read, on the clock of the lease. */
  readonly readAt: number;
  /** The same once it is prepared, where that has begun. */
  prepared?: Promise<Subject>;
  /** When that ended, well or not. */
  preparedAt?: number;
}

interface Options<Row extends Claim, Subject> {
  readonly work: Work<Row, Subject>;
  readonly preparedAtOnce: () => number;
  readonly renew: (leases: readonly InLine<Row, Subject>[]) => Promise<void>;
}

/**
 * What was read longer ago is read again for its attempt, and its lease renewed: the order may have been erased, paid, or closed
 * while it waited. One that was closed as refunded, in line behind a slow receiver, was fulfilled up to 10 s later.
 */
const FRESH_MS = 1_000;

/** The claimed rows that wait for a place. They are read together, and prepared ahead. */
export function openLine<Row extends Claim, Subject>({
  work: { queue, load, sessionOf, prepare },
  preparedAtOnce,
  renew,
}: Options<Row, Subject>) {
  /**
   * Renews leases and reads subjects anew, for many attempts in one go. With statements for each, 500 attempts kept a
   * worker's only connection from all else: 2,200 orders in 30 s instead of 5,000.
   */
  const reread = shared(
    async (ones: readonly InLine<Row, Subject>[]) => {
      await renew(ones);
      return load(ones.map(({ row }) => row));
    },
    ({ row }) => String(row.id),
    () => true,
  );
  const waiting: InLine<Row, Subject>[] = [];
  let preparing = 0;
  let closed = false;

  /**
   * Prepares what waits in line, so that a place is taken by the call of the receiver alone: while line items were fetched and stored
   * in it, ten places drained a backlog at 760 to 870 orders/s, and a quarter of the process's time was idle.
   */
  function prepareNext(): void {
    while (prepare && !closed && preparing < preparedAtOnce()) {
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

  async function prepared(one: InLine<Row, Subject>, prepare: Prepare<Subject>): Promise<Subject> {
    const { row, abort } = one;
    const subject = await one.subject;
    const span = startSpan(`prepare ${queue.table}`, sessionOf(subject), { attributes: attributesOf(row) });
    return during(span, () => inside(span, () => prepare(subject, abort.signal)));
  }

  return {
    prepareNext,
    /** Rows whose leases last until then, on the clock of the lease. */
    add(rows: readonly Row[], until: number): InLine<Row, Subject>[] {
      if (rows.length === 0) return [];
      const readAt = performance.now();
      const subjects = load(rows);
      const added = rows.map((row, i): InLine<Row, Subject> => {
        // Where reading them together fails each is read alone, so one poison order hurts only itself.
        const subject = subjects.then(
          (all) => all[i] as Subject,
          async () => (await load([row]))[0] as Subject,
        );
        // Whoever attempts it meets the error.
        subject.catch(() => {});
        return { row, subject, readAt, abort: new AbortController(), until, stage: 'waits' };
      });
      waiting.push(...added);
      return added;
    },
    /** The first one leaves the line. */
    next: () => waiting.shift(),
    /**
     * An attempt fails by the error of its preparation, however long ago the order was read. Otherwise, while Stripe did
     * not answer and preparations took 30 s to fail, the attempts that had waited for them began anew, and kept their
     * places for as long again.
     */
    async subjectOf(one: InLine<Row, Subject>): Promise<Subject> {
      if (one.preparedAt === undefined || isFresh(one.preparedAt)) await one.prepared;
      return isFresh(one.readAt) ? (one.prepared ?? one.subject) : reread(one);
    },
    /** Nothing more is prepared. */
    close(): void {
      closed = true;
    },
  };
}

const isFresh = (since: number) => performance.now() - since <= FRESH_MS;

/** Of a span about an attempt. */
export function attributesOf({ order_id, attempts }: Claim) {
  return { 'checkout.order_id': order_id, 'checkout.attempt': attempts };
}
