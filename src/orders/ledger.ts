import type { Knex } from 'knex';
import { isDataError, isStatementError } from '../db/errors.ts';
import { groupCommit } from '../db/group-commit.ts';
import { BadRequest } from '../errors.ts';
import type { SignedEvent } from '../stripe/signature.ts';
import type { Request } from './handlers.ts';
import { type OrderStatus, type Outcome, outcomeOf } from './status.ts';

/** Where the news of a session came from, as `order_transitions.source` keeps it. */
export type Source = 'webhook' | 'landing_page' | 'reconcile';

/** News of a checkout session: an event that Stripe sent, or (without one) what its API said. */
export interface News {
  readonly source: Source;
  readonly signed: SignedEvent | null;
  /** Null: recorded as `ignored`. */
  readonly request: Request | null;
}

export interface Recorded {
  readonly outcome: Outcome;
  /** The event was here already. */
  readonly duplicate: boolean;
  readonly order_id: number | null;
  /** Where the order moved, null when it did not. */
  readonly moved_to: OrderStatus | null;
}

export type Ledger = (news: News) => Promise<Recorded>;

/** The state machine's answer to every question, for the statement to look up. */
const statuses = ['awaiting_payment', 'paid', 'failed'] as const;
const verdicts = [null, ...statuses].flatMap((current) =>
  statuses.map((wanted) => ({ current, wanted, outcome: outcomeOf(current, wanted) })),
);

/** All that a batch of news changes, in one statement and so in one transaction: migrations/0009_record_news.ts. */
const RECORD = 'select * from record_news(:news, :payloads, :verdicts)';

/** Rounds after which two processes that keep racing for one session are told to come again. */
const MAX_ROUNDS = 3;

/** Commits a batch, in which each session and each event stands once. The results are in its order. */
export async function recordNews(db: Knex, batch: readonly News[], round = 1): Promise<readonly Recorded[]> {
  const payloads = batch.map(({ signed }) => signed?.payload ?? NO_PAYLOAD);
  const { rows } = await db.raw<{ rows: Recorded[] }>(RECORD, {
    news: JSON.stringify(batch.map(toRow(startsOf(payloads)))),
    payloads: Buffer.concat(payloads),
    verdicts: JSON.stringify(verdicts),
  });
  const outrun = rows.flatMap((row, i) => (row.outcome === 'applied' && row.moved_to === null ? [i] : []));
  if (outrun.length === 0) return rows;
  if (round === MAX_ROUNDS) throw new Error('other processes keep creating the same orders');
  const again = await recordNews(
    db,
    outrun.map((i) => batch[i] as News),
    round + 1,
  );
  const results = [...rows];
  outrun.forEach((i, k) => {
    results[i] = again[k] as Recorded;
  });
  return results;
}

const NO_PAYLOAD = Buffer.alloc(0);

/**
 * Payloads travel as they came, one after the other in one binary parameter: escaped into the JSON of the rows or
 * into a text[], a batch of 64 took PostgreSQL 1 ms longer, and this process 0.2 ms (measured).
 */
function startsOf(payloads: readonly Buffer[]): number[] {
  let end = 1;
  return payloads.map(({ length }) => {
    end += length;
    return end - length;
  });
}

function toRow(payloadStarts: readonly number[]) {
  return ({ source, signed, request }: News, n: number) => {
    const { event, payload } = signed ?? {};
    const object = event?.data.object;
    return {
      n,
      source,
      wanted: request?.wanted,
      event_id: event?.id,
      type: event?.type,
      api_version: event?.api_version,
      event_livemode: event?.livemode,
      event_account: event?.account,
      session_id: object?.object === 'checkout.session' ? object.id : null,
      created: event?.created,
      payload_at: payloadStarts[n],
      payload_bytes: payload?.length,
      ...request?.session,
    };
  };
}

/** What PostgreSQL will never take is refused, so that the sender learns of it; alone, since in a batch it may be another's fault. */
async function recordable(db: Knex, batch: readonly News[]): Promise<readonly Recorded[]> {
  try {
    return await recordNews(db, batch);
  } catch (error) {
    if (batch.length > 1 || !isDataError(error)) throw error;
    const { code } = error as { code: string };
    throw new BadRequest('event_unstorable', `PostgreSQL can't hold the event's data (SQLSTATE ${code}).`, {
      cause: error,
    });
  }
}

/** The ledger of a process. It resolves once the event and everything that it changes are committed. */
export function openLedger(db: Knex): Ledger {
  return groupCommit({
    commit: (batch) => recordable(db, batch),
    // An event speaks of one session, so a repeat of it has the same key.
    keyOf: ({ request, signed }) => request?.session.checkout_session_id ?? signed?.event.id ?? '',
    isolates: isStatementError,
    maxBatch: 100,
    // In bytes, roughly: an event takes more parsed than as it came. Some 2,000 usual events may wait, or 7 of 1 MiB.
    sizeOf: ({ signed }) => 1_024 + 3 * (signed?.payload.length ?? 0),
    maxWaitingSize: 24 * 1024 * 1024,
  });
}
