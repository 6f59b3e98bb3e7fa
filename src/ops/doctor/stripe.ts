import Stripe from 'stripe';
import type { Config } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { listed } from '../../stripe/lists.ts';
import { compareClocks } from './clock.ts';
import { endpointChecks } from './endpoints.ts';
import { check, type Finding, noneChecked, ok, type Verdict, wrong } from './finding.ts';

const WITHIN = { timeout: 5_000, maxNetworkRetries: 0 };
const CLOCK = "Stripe's clock";
const EVENTS = "Stripe's events";
const ENDPOINT_CHECKS = Object.keys(endpointChecks);

export const stripeChecks = ['Stripe', CLOCK, EVENTS, ...ENDPOINT_CHECKS];

/** With the two rights that the service needs, and with that to read endpoints, if the key has it. */
export async function examineStripe(stripe: Stripe, config: Config): Promise<Finding[]> {
  const asked = Date.now();
  try {
    const { lastResponse } = await listed(stripe.checkout.sessions.list({ limit: 1 }, WITHIN));
    const answered = Date.now();
    const theirs = Date.parse(lastResponse.headers.date ?? '');
    const offset = ((asked + answered) / 2 - theirs) / 1_000;
    return [
      { check: 'Stripe', ...ok('the key can read Checkout Sessions') },
      { check: CLOCK, ...compareClocks("Stripe's", offset) },
      { check: EVENTS, ...(await examineEvents(stripe, config)) },
      ...(await examineEndpoints(stripe, config)),
    ];
  } catch (error) {
    const rest = noneChecked(stripeChecks.slice(1), 'Stripe let nothing be seen');
    return [{ check: 'Stripe', ...refusalOf(error, config) }, ...rest];
  }
}

async function examineEvents(stripe: Stripe, config: Config): Promise<Verdict> {
  try {
    await listed(stripe.events.list({ limit: 1 }, WITHIN));
    return ok('the key can read Events');
  } catch (error) {
    return isForbidden(error)
      ? wrong('STRIPE_SECRET_KEY may not read Events: reconcile needs that, by itself and on command')
      : refusalOf(error, config);
  }
}

async function examineEndpoints(stripe: Stripe, config: Config): Promise<Finding[]> {
  try {
    const all = stripe.webhookEndpoints.list({ limit: 100 }, WITHIN);
    return await check(endpointChecks, { config, endpoints: await all.autoPagingToArray({ limit: 1_000 }) });
  } catch (error) {
    const why = isForbidden(error)
      ? 'the key may not read Webhook Endpoints'
      : refusalOf(error, config).message;
    return noneChecked(ENDPOINT_CHECKS, why);
  }
}

function isForbidden(error: unknown): boolean {
  return error instanceof Stripe.errors.StripePermissionError;
}

/** Stripe's own words may repeat a part of the key. */
function refusalOf(error: unknown, { stripe: { apiBase } }: Config): Verdict {
  const { errors } = Stripe;
  if (error instanceof errors.StripeAuthenticationError)
    return wrong('it refuses STRIPE_SECRET_KEY: mistyped, rolled, expired, or for other IP addresses alone');
  if (isForbidden(error))
    return wrong('STRIPE_SECRET_KEY may not read Checkout Sessions: the worker needs that');
  if (error instanceof errors.StripeConnectionError)
    return wrong(`it could not be reached: ${messageOf(error.detail ?? error)}`);
  const { statusCode, message } = error as Stripe.errors.StripeError;
  const answer = `it answered ${statusCode ?? message}`;
  return wrong(apiBase === null ? answer : `${answer}: does STRIPE_API_BASE lead to Stripe?`);
}
