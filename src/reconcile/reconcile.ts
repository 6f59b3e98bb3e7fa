import type Stripe from 'stripe';
import { only, SetupError } from '../errors.ts';
import { handledTypes } from '../orders/handlers.ts';
import type { OpenProgress } from '../progress.ts';
import { completeSessionList, eventList, type Listed, undeliveredEventList } from '../stripe/lists.ts';
import { awaitingOrders, takePaid } from './awaiting.ts';
import type { Held } from './cursors.ts';
import { type Dependencies, takeEvents, takeSessions } from './repair.ts';
import { confirm, unconfirmedOrders } from './unconfirmed.ts';
import { type Bounds, backwards, type Stage, walk } from './walk.ts';

export interface Run extends Dependencies {
  readonly stripe: Stripe;
  /** The database's time when the run began, in seconds since 1970. */
  readonly now: number;
  /** How far back it looks where Stripe does not know a cursor's object: it is too old, or that of another account. */
  readonly reach: number;
  /** Leaves alone what a webhook may be bringing at this moment. */
  readonly settledOnly: boolean;
  readonly openProgress: OpenProgress;
  /** Ends the run between two pages. */
  readonly signal: AbortSignal;
}

const HOUR = 60 * 60;
const DAY = 24 * HOUR;

/** For so long Stripe keeps events. */
export const EVENTS_REACH = 30 * DAY;

/** Webhooks arrive within seconds, and Stripe lists an event when it is made. */
const EVENTS_SETTLE = HOUR / 6;
/** Sessions are listed by their creation. Each can be completed for 24 hours, and is done with after that. */
const SESSIONS_SETTLE = DAY + HOUR;

/** Every event since the cursor, delivered or not: where an endpoint is missing or disabled, Stripe has nothing undelivered. */
export async function takeNewEvents(run: Run, held: Held): Promise<void> {
  const events = walk(eventList(run.stripe, handledTypes), held, boundsOf(run, EVENTS_SETTLE));
  await follow('Events', events, (page) => takeEvents(page, run), held.keep, run);
}

/**
 * What the events since the cursor may not tell: undelivered ones from before it (they were refused, say, and are
 * understood by now), sessions that are paid whatever their events say, or wait for their money without any, orders whose money
 * has come without an event, and orders that Stripe does not know as paid.
 *
 * Of events that the key may not read the walk through new ones says so, and the rest needs none.
 */
export async function audit(run: Run, held: Held, since: number): Promise<void> {
  const { db, stripe, livemode, now, signal } = run;
  const holdOn = () => held.keep(null);

  const bounds = boundsOf(run, EVENTS_SETTLE);
  const undelivered = backwards(undeliveredEventList(stripe, handledTypes), since, bounds);
  const take = (page: readonly Stripe.Event[]) => takeEvents(page, run);
  await follow('Undelivered events', undelivered, take, holdOn, run).catch(unlessForbidden);

  const sessions = walk(completeSessionList(stripe), held, boundsOf(run, SESSIONS_SETTLE));
  const compare = (page: readonly Stripe.Checkout.Session[]) => takeSessions(page, run, now - EVENTS_REACH);
  await follow('Checkout sessions', sessions, compare, held.keep, run);

  const time = { since, upTo: bounds.upTo, livemode };
  // Not those that this run has made: Stripe has just been heard on them.
  for await (const orders of awaitingOrders(db, { ...time, upTo: Math.min(bounds.upTo, now) })) {
    await takePaid(orders, run);
    signal.throwIfAborted();
    await holdOn();
  }
  for await (const orders of unconfirmedOrders(db, time)) {
    await confirm(orders, run);
    signal.throwIfAborted();
    await holdOn();
  }
}

/** What a person has to grant the key, as a value; any other error goes on. */
export const unlessForbidden = only(SetupError);

function boundsOf({ now, reach, settledOnly }: Run, settlesIn: number): Bounds {
  const settled = now - settlesIn;
  // Not just until now: a clock may be behind Stripe's, and a run takes its time.
  return { now, settled, upTo: settledOnly ? settled : now + HOUR, reach };
}

async function follow<T extends Listed>(
  title: string,
  stages: AsyncIterable<Stage<T>>,
  take: (page: readonly T[]) => Promise<void>,
  keep: Held['keep'],
  { openProgress, signal }: Run,
): Promise<void> {
  const progress = openProgress(title, 100, '%');
  try {
    for await (const { objects, reached, percent } of stages) {
      signal.throwIfAborted();
      await take(objects);
      await keep(reached);
      if (percent < 100) progress.at(percent);
    }
    progress.at(100);
  } finally {
    progress.end();
  }
}
