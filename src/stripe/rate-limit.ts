import { setTimeout as pause } from 'node:timers/promises';
import Stripe from 'stripe';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 4_000;
const PATIENCE_MS = 20_000;

/**
 * Asks again while Stripe says that it is asked too often (https://docs.stripe.com/rate-limits: 25 calls a second in test
 * mode, and of each endpoint), for up to 20 s. Whoever asks waits meanwhile, and so slows down to what Stripe takes: when
 * each refusal failed an attempt instead, 2,500 orders made 11,000 calls. The stripe package asks again
 * only where Stripe's answer tells it to.
 */
export async function atStripesPace<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const until = performance.now() + PATIENCE_MS;
  for (let most = FIRST_PAUSE_MS; ; most = Math.min(2 * most, LONGEST_PAUSE_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeRateLimitError) || performance.now() + most > until)
        throw error;
    }
    await pause(most * (1 - Math.random() / 2), undefined, { ref: false, ...(signal && { signal }) });
  }
}
