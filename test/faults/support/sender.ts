import { setTimeout as pause } from 'node:timers/promises';
import { deliver } from '../../support/service.ts';
import type { StripeApi } from '../../support/stripe-api.ts';
import type { EventJson } from '../../support/stripe-events.ts';
import { until } from '../../support/until.ts';
import { newSale, type Sale } from './sales.ts';

/** One delivery, in milliseconds of the test's monotonic clock. Status 0: the connection ended without an answer. */
interface Delivery {
  readonly status: number;
  readonly begunAt: number;
  readonly ms: number;
}

interface Load {
  readonly sales: readonly Sale[];
  readonly deliveries: readonly Delivery[];
}

/** The end of its block gives up what has no 200 yet. */
export interface Sender extends Load, AsyncDisposable {
  /** Resolves when so many more deliveries have been answered 200. */
  taken(count: number): Promise<void>;
  /** Begins no further sale, and resolves when every event has its 200. */
  finish(): Promise<Load>;
}

/** Some 80 sales a second, with what is sent twice 120 deliveries: a load that leaves room for the faults. */
const LANES = 16;
const BETWEEN_SALES_MS = 200;
/** Stripe's minutes and hours, compressed. */
const RETRY_MS = 250;
/** Long past what any answer may take. */
const PATIENCE_MS = 15_000;

/**
 * Stripe: each event is sent until it is answered 200, events of one session in no order, one in five of them twice at once,
 * and one in five again after its 200.
 */
export function startSender(url: string, stripe: StripeApi, lanes = LANES): Sender {
  const sales: Sale[] = [];
  const deliveries: Delivery[] = [];
  let ending = false;
  let givenUp = false;

  async function sendOnce(event: EventJson): Promise<number> {
    const begunAt = performance.now();
    const answer = deliver(url, event, AbortSignal.timeout(PATIENCE_MS));
    const status = await answer.catch(() => 0);
    deliveries.push({ status, begunAt, ms: performance.now() - begunAt });
    return status;
  }

  async function send(event: EventJson): Promise<void> {
    while ((await sendOnce(event)) !== 200 && !givenUp) await pause(RETRY_MS * (0.5 + Math.random()));
  }

  async function sell(): Promise<void> {
    const sale = newSale(stripe);
    sales.push(sale);
    const copies = sale.events.filter(() => Math.random() < 0.2);
    const shuffled = [...sale.events, ...copies].toSorted(() => Math.random() - 0.5);
    await Promise.all(shuffled.map(send));
    for (const event of sale.events) if (Math.random() < 0.2) await send(event);
  }

  async function lane(): Promise<void> {
    while (!ending) {
      await sell();
      await pause(BETWEEN_SALES_MS * (0.5 + Math.random()));
    }
  }

  const sending = Promise.all(Array.from({ length: lanes }, lane));
  const takenSoFar = () => deliveries.filter(({ status }) => status === 200).length;
  return {
    sales,
    deliveries,
    async taken(count) {
      const goal = takenSoFar() + count;
      await until(`${count} more deliveries are taken`, () => takenSoFar() >= goal, 60);
    },
    async finish() {
      ending = true;
      await sending;
      return { sales, deliveries };
    },
    async [Symbol.asyncDispose]() {
      ending = true;
      givenUp = true;
      await sending;
    },
  };
}

/** From an instant until the first of the deliveries begun after it has its 200: how long it took to serve again. */
export function servedAgainAfter({ deliveries }: Load, instant: number): number {
  const first = deliveries.find(({ status, begunAt }) => status === 200 && begunAt >= instant);
  return first ? first.begunAt + first.ms - instant : Number.POSITIVE_INFINITY;
}
