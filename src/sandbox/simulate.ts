import { setTimeout as pause } from 'node:timers/promises';
import type Stripe from 'stripe';
import type { Config } from '../config.ts';
import { openOpsPool } from '../db/database.ts';
import type { Knex } from '../db/knex.ts';
import { messageOf, SetupError } from '../errors.ts';
import { originHere } from '../http/server.ts';
import type { Logger } from '../logger.ts';
import type { OpenProgress, Progress } from '../progress.ts';
import { createStripe } from '../stripe/client.ts';
import { checkoutOf } from './carts.ts';
import { deliver, type Endpoint } from './deliver.ts';
import { openEvents, type SessionEvent } from './events.ts';
import type { Files } from './files.ts';
import { faultsOf, findOutcomes, isAtRest, type SessionOutcome } from './outcomes.ts';
import { type ScenarioName, scenarios } from './scenarios.ts';
import { openSessions, type Sessions } from './sessions.ts';
import { startStandIn } from './stand-in.ts';

interface Simulation {
  readonly scenario: ScenarioName;
  readonly count: number;
  /** How long their orders may take to come to rest once everything is delivered. */
  readonly timeoutMs: number;
}

export interface Result {
  readonly checkoutSessionId: string;
  readonly outcome: SessionOutcome | undefined;
  /** What is not as the scenario promises. */
  readonly faults: readonly string[];
}

/** Enough to share commits, and few enough for a laptop. */
const SESSIONS_AT_ONCE = 16;
const POLL_MS = 200;

/** Plays a scenario against the running service, and reads in the database what became of the orders. */
export async function simulate(
  config: Config,
  { scenario, count, timeoutMs }: Simulation,
  { log, openProgress }: { log: Logger; openProgress: OpenProgress },
): Promise<Result[]> {
  const service = serviceUrl(config);
  await expectRunning(service);

  await using opened = new AsyncDisposableStack();
  const db = await openOpsPool(config, log, opened);
  // A database that is not the service's shows before anything is sent.
  await findOutcomes(db, []);
  const dir = `${config.dataDir}/sandbox`;
  const standIn = await startStandIn({ dir, log });
  opened.defer(() => standIn.close());

  const play = player(scenario, {
    stripe: createStripe(null, standIn.url),
    sessions: await openSessions(dir),
    events: await openEvents(dir),
    endpoint: { url: `${service}/webhook`, secret: config.stripe.webhookSecrets[0] as string },
  });
  const played = await playAll(count, play, openProgress('Checkout sessions', count));
  const delivered = played.filter(({ fault }) => fault === null).map(({ id }) => id);
  const resting = openProgress('Orders at rest', delivered.length);
  const outcomes = await restOf(db, delivered, timeoutMs, resting);
  return played.map(({ id, lineItems, fault }) => {
    const outcome = outcomes.get(id);
    const promised = { status: scenarios[scenario].ends, lineItems };
    return { checkoutSessionId: id, outcome, faults: fault === null ? faultsOf(promised, outcome) : [fault] };
  });
}

function serviceUrl({ production, sandbox, stripe, http }: Config): string {
  if (production) throw new SetupError('simulate sends invented events, so it does not run in production.');
  if (!sandbox) {
    throw new SetupError(
      'STRIPE_SECRET_KEY is set, so Stripe itself makes the events. Forward them with `stripe listen` (see README)\n' +
        'and make one with `stripe trigger checkout.session.completed`. Without the key, simulate plays Stripe.',
    );
  }
  if (stripe.apiBase !== null) {
    throw new SetupError(
      "STRIPE_API_BASE is set, so the service does not ask the sandbox's stand-in for Stripe.",
    );
  }
  return originHere(http);
}

async function expectRunning(service: string): Promise<void> {
  try {
    const { ok } = await fetch(`${service}/healthz`, { signal: AbortSignal.timeout(5_000) });
    if (ok) return;
  } catch {}
  throw new SetupError(`No service answers at ${service}. Start it first, in another terminal: npm start`);
}

interface Played {
  readonly id: string;
  readonly lineItems: number;
  /** Why not everything could be delivered. */
  readonly fault: string | null;
}

interface Props {
  readonly stripe: Stripe;
  readonly sessions: Sessions;
  readonly events: Files<SessionEvent>;
  readonly endpoint: Endpoint;
}

function player(name: ScenarioName, { stripe, sessions, events, endpoint }: Props) {
  const scenario = scenarios[name];
  return async (index: number): Promise<Played> => {
    const cart = scenario.cart(index);
    const { id } = await stripe.checkout.sessions.create(checkoutOf(cart, index));
    const played = { id, lineItems: cart.items.length };
    try {
      await scenario.play({
        payNow: () => sessions.payNow(id, cart.buyer),
        payLater: () => sessions.payLater(id, cart.buyer),
        receivePayment: () => sessions.receivePayment(id),
        async deliver(event) {
          await events.save(event.id, event);
          await deliver(event, endpoint);
          await events.save(event.id, { ...event, pending_webhooks: 0 });
        },
      });
      return { ...played, fault: null };
    } catch (error) {
      return { ...played, fault: messageOf(error) };
    }
  };
}

async function playAll(
  count: number,
  play: (index: number) => Promise<Played>,
  progress: Progress,
): Promise<Played[]> {
  const played: Played[] = [];
  const indexes = Array(count).keys();
  let done = 0;
  const playSome = async () => {
    for (const index of indexes) {
      played[index] = await play(index);
      done += 1;
      progress.at(done);
    }
  };
  await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, playSome));
  progress.end();
  return played;
}

/** An order is there as soon as its event is acknowledged, so only orders that are there are waited for. */
async function restOf(
  db: Knex,
  ids: readonly string[],
  timeoutMs: number,
  progress: Progress,
): Promise<Map<string, SessionOutcome>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const outcomes = await findOutcomes(db, ids);
    const restless = outcomes.filter((outcome) => !isAtRest(outcome)).length;
    progress.at(ids.length - restless);
    if (restless === 0 || performance.now() >= deadline) {
      progress.end();
      return new Map(outcomes.map((outcome) => [outcome.checkout_session_id, outcome]));
    }
    await pause(POLL_MS);
  }
}
