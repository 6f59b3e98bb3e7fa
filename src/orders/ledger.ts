import { jsonArray, textMatrix } from '../db/binary.ts';
import { isDataError, isStatementError } from '../db/errors.ts';
import { groupCommit } from '../db/group-commit.ts';
import type { Knex } from '../db/knex.ts';
import { BadRequest, Unavailable } from '../errors.ts';
import { type SignedEvent, sessionIdOf } from '../stripe/event.ts';
import type { Request } from './handlers.ts';
import { type OrderStatus, type Outcome, orderStatuses, outcomeOf } from './status.ts';

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
const VERDICTS = JSON.stringify(
  [null, ...orderStatuses].flatMap((current) =>
    orderStatuses.map((wanted) => ({ current, wanted, outcome: outcomeOf(current, wanted) })),
  ),
);

/** All that a batch of news changes, in one statement and so in one transaction: migrations/0009_record_news.ts. */
const RECORD = 'select * from record_news(:news, :payloads, :verdicts)';

/**
 * How often news are tried where other processes keep creating or moving the same orders meanwhile. After that the sender
 * is told to come again.
 */
const MAX_ROUNDS = 3;

/** News as they wait for their commit: what is written, and no more. The event itself, ten times as large, can be let go. */
interface Entry {
  /** The session's, or else the event's: an event speaks of one session, so a repeat of it has the same key. */
  readonly key: string;
  /** In the order in which record_news reads it. */
  readonly row: readonly (string | null)[];
  readonly payload: Buffer | null;
}

/** Commits a batch, in which each session and each event stands once. The results are in its order. */
async function recordNews(db: Knex, batch: readonly Entry[], round = 1): Promise<readonly Recorded[]> {
  using news = textMatrix(batch.map(({ row }) => row));
  using payloads = jsonArray(batch.map(({ payload }) => payload));
  const { rows } = await db.raw<{ rows: Recorded[] }>(RECORD, {
    news: news.bytes,
    payloads: payloads.bytes,
    verdicts: VERDICTS,
  });
  const outrun = rows.flatMap((row, i) => (row.outcome === 'applied' && row.moved_to === null ? [i] : []));
  if (outrun.length === 0) return rows;
  if (round === MAX_ROUNDS) throw new Error('other processes keep changing the same orders');
  const again = await recordNews(
    db,
    outrun.map((i) => batch[i] as Entry),
    round + 1,
  );
  return rows.map((row, i) => again[outrun.indexOf(i)] ?? row);
}

function entryOf(news: News): Entry {
  const { request, signed } = news;
  return {
    key: request?.session.checkout_session_id ?? signed?.event.id ?? '',
    row: rowOf(news),
    payload: signed?.payload ?? null,
  };
}

function rowOf({ source, signed, request }: News): (string | null)[] {
  const { event } = signed ?? {};
  const { session } = request ?? {};
  return [
    source,
    textColumn(request?.wanted),
    textColumn(event?.id),
    textColumn(event?.type),
    textColumn(event?.api_version),
    textColumn(event?.livemode),
    textColumn(event?.account),
    textColumn(event && sessionIdOf(event)),
    textColumn(event?.created),
    textColumn(session?.checkout_session_id),
    textColumn(session?.account),
    textColumn(session?.payment_status),
    textColumn(session?.mode),
    textColumn(session?.livemode),
    textColumn(session?.currency),
    textColumn(session?.amount_subtotal),
    textColumn(session?.amount_total),
    textColumn(session?.customer_id),
    textColumn(session?.customer_email),
    textColumn(session?.customer_name),
    textColumn(session?.client_reference_id),
    textColumn(session?.payment_intent_id),
    textColumn(session?.payment_link_id),
    jsonColumn(session?.shipping_details),
    jsonColumn(session?.custom_fields),
    jsonColumn(session?.total_details),
    jsonColumn(session?.metadata),
    textColumn(session?.customer_phone),
    textColumn(session?.subscription_id),
    jsonColumn(session?.shipping_cost),
    jsonColumn(session?.presentment_details),
  ];
}

function textColumn(value: string | number | boolean | null | undefined): string | null {
  return value == null ? null : String(value);
}

function jsonColumn(value: unknown): string | null {
  return value == null ? null : JSON.stringify(value);
}

/**
 * Commits by this time or not at all. Without a limit, 19 of 20 events behind a lock were kept whose senders had been
 * answered 503 a second before.
 */
function recordUntil(db: Knex, batch: readonly Entry[], until: number): Promise<readonly Recorded[]> {
  return db.transaction(async (trx) => {
    const left = Math.floor(until - performance.now());
    if (left <= 0) throw new Unavailable('waited too long to be committed');
    await trx.raw(`select set_config('statement_timeout', :left, true)`, { left: String(left) });
    return recordNews(trx, batch);
  });
}

/**
 * Refuses what PostgreSQL will never take, so that the sender learns of it. Only where it is alone: in a batch it may be
 * another's fault.
 */
async function recordable(db: Knex, batch: readonly Entry[], until?: number): Promise<readonly Recorded[]> {
  try {
    return await (until === undefined ? recordNews(db, batch) : recordUntil(db, batch, until));
  } catch (error) {
    if (batch.length > 1) throw error;
    const { code, constraint, column } = error as { code: string; constraint?: string; column?: string };
    // The second is how record_news refuses it.
    if (constraint === 'fulfillments_event_id_key' || column === 'outcome')
      throw new BadRequest('event_id_reused', 'An event of this id speaks of another session.');
    if (!isDataError(error)) throw error;
    throw new BadRequest('event_unstorable', `PostgreSQL can't hold the event's data (SQLSTATE ${code}).`);
  }
}

/**
 * The ledger of a process. It resolves once the event and everything that it changes are committed.
 * @param onBatch hears how many news share a commit
 */
export function openLedger(db: Knex, onBatch?: (size: number) => void): Ledger {
  const commit = groupCommit({
    commit: (batch: readonly Entry[], until) => {
      onBatch?.(batch.length);
      return recordable(db, batch, until);
    },
    keyOf: ({ key }) => key,
    isolates: isStatementError,
    maxBatch: 100,
    // In bytes, roughly: a commit copies the payload. Some 2,000 usual events may wait, or 11 of 1 MiB.
    sizeOf: ({ payload }) => 4_096 + 2 * (payload?.length ?? 0),
    maxWaitingSize: 24 * 1024 * 1024,
    // After 4 s its sender is told to come again.
    maxWaitMs: 3_800,
    // Ten times what a commit takes under load. After a network that swallowed packets, deliveries are taken again within 2 s.
    lateAfterMs: 500,
  });
  return (news) => commit(entryOf(news));
}
