import type Stripe from 'stripe';
import type { Config } from './config.ts';
import { type Fulfiller, logFulfiller } from './fulfillment/fulfiller.ts';
import { httpFulfiller } from './fulfillment/http-fulfiller.ts';
import { originHere } from './http/server.ts';
import type { Logger } from './logger.ts';
import type { Dependencies, SandboxShop } from './sandbox/shop/router.ts';
import { createStripe } from './stripe/client.ts';

/** Traces, where somebody collects them; let go with `opened`. */
export async function openTracing(
  { tracing }: Config,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<void> {
  if (tracing === null) return;
  // Loaded here only: without a collector no process holds it.
  const { startTracing } = await import('./tracing/sdk.ts');
  opened.defer(startTracing(tracing, log).stop);
}

/** No key, and no other Stripe to ask: all that is around the service is played. */
export function isPlayed({ sandbox, stripe }: Config): boolean {
  return sandbox && stripe.apiBase === null;
}

/** Stripe, or in the sandbox its stand-in, which is let go with `opened`. */
export async function openStripe(config: Config, log: Logger, opened: AsyncDisposableStack): Promise<Stripe> {
  const { secretKey, apiBase } = config.stripe;
  if (!isPlayed(config)) return createStripe(secretKey, apiBase);
  // Loaded here only: outside the sandbox no process holds it.
  const { startStandIn } = await import('./sandbox/stand-in.ts');
  // A port that is yet to be chosen (0) makes no address.
  const service = config.role === 'worker' || config.http.port === 0 ? null : originHere(config.http);
  const standIn = await startStandIn({ dir: `${config.dataDir}/sandbox`, service, staysThere: true, log });
  opened.defer(() => standIn.close());
  log.info(`SANDBOX: Stripe's API is played at ${standIn.url}, for any key`);
  return createStripe(null, standIn.url);
}

/** The shop's receiver. Where none is configured: the log; in the sandbox also one that shows what it got. */
export async function openFulfiller(
  config: Config,
  log: Logger,
  opened: AsyncDisposableStack,
): Promise<Fulfiller> {
  const { endpoint } = config.fulfillment;
  if (endpoint) return httpFulfiller(endpoint);
  const logged = logFulfiller(log);
  if (!isPlayed(config)) return logged;
  const { startReceiver } = await import('./sandbox/receiver.ts');
  const receiver = await startReceiver({ dir: `${config.dataDir}/sandbox`, log });
  opened.defer(() => receiver.close());
  const received = httpFulfiller(receiver.endpoint);
  return async (paid, signal) => {
    await received(paid, signal);
    await logged(paid, signal);
  };
}

/** The shop under /sandbox, where Stripe is played. */
export async function openShop(config: Config, dependencies: Dependencies): Promise<SandboxShop | null> {
  if (!isPlayed(config)) return null;
  const { openSandboxShop } = await import('./sandbox/shop/router.ts');
  return openSandboxShop(config, dependencies);
}
