import type Stripe from 'stripe';
import { handledTypes } from '../orders/handlers.ts';
import { API_VERSION } from '../stripe/client.ts';

/** What Stripe says of a new endpoint. Its secret is never told again. */
interface NewEndpoint {
  readonly id: string;
  readonly url: string;
  readonly secret: string;
}

/**
 * Whether it sends the events of connected accounts. One that does sends none of the account's own, and the other way round:
 * https://docs.stripe.com/connect/webhooks.
 */
export function isConnect({ application }: Pick<Stripe.WebhookEndpoint, 'application'>): boolean {
  return Boolean(application);
}

/** As one host and path are always written, and without a password or a token, which a URL may hold. */
export function placeOf({ url }: Pick<Stripe.WebhookEndpoint, 'url'>): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname.replace(/\/$/, '');
}

/**
 * Registers this service with Stripe: the types of event that it handles, in the version whose shapes it knows.
 * @param connect for the events of connected accounts, in place of the account's own
 * @throws where there is an enabled endpoint of this kind with this URL: a second one would deliver each event twice
 * @throws {Stripe.errors.StripeError}
 */
export async function createEndpoint(
  stripe: Stripe,
  url: string,
  { connect }: { connect: boolean },
): Promise<NewEndpoint> {
  // During an upgrade of the API's version, a query tells two apart.
  const addressOf = (endpoint: { url: string }) => placeOf(endpoint) + new URL(endpoint.url).search;
  for await (const existing of stripe.webhookEndpoints.list({ limit: 100 })) {
    const isThere = addressOf(existing) === addressOf({ url }) && existing.status === 'enabled';
    if (isThere && isConnect(existing) === connect)
      throw new Error(
        `${existing.id} delivers to ${url} already. Its secret is in Stripe's Dashboard (Webhooks).`,
      );
  }
  const { id, secret } = await stripe.webhookEndpoints.create({
    url,
    enabled_events: [...handledTypes] as Stripe.WebhookEndpointCreateParams.EnabledEvent[],
    api_version: API_VERSION,
    description: 'checkout-fulfillment',
    ...(connect && { connect }),
  });
  if (secret === undefined) throw new Error(`Stripe made ${id}, and did not tell its secret`);
  return { id, url, secret };
}
