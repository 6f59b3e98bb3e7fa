import type Stripe from 'stripe';
import type { Config } from './config.ts';
import type { Logger } from './logger.ts';
import { createStripe } from './stripe/client.ts';

/** Stripe, or in the sandbox its stand-in, which is let go with `opened`. */
export async function openStripe(config: Config, log: Logger, opened: AsyncDisposableStack): Promise<Stripe> {
  const { secretKey, apiBase } = config.stripe;
  if (secretKey !== null || apiBase !== null) return createStripe(secretKey ?? 'sk_test_sandbox', apiBase);
  // Loaded here only: outside the sandbox no process holds it.
  const { startStandIn } = await import('./sandbox/stand-in.ts');
  const standIn = await startStandIn({ dir: `${config.dataDir}/sandbox`, log });
  opened.defer(() => standIn.close());
  return createStripe('sk_test_sandbox', standIn.url);
}
