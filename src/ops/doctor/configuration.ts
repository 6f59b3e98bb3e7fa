import { type Config, SANDBOX_WEBHOOK_SECRET } from '../../config.ts';
import { type Checks, ok, warning, wrong } from './finding.ts';

/** What is allowed, and yet may not be meant. */
export const configurationChecks: Checks<Config> = {
  'ops token': ({ opsToken, production }) => {
    if (opsToken !== null)
      return production && opsToken.length < 16
        ? warning('OPS_TOKEN has less than 16 characters, and may be guessed: openssl rand -hex 16 makes one')
        : ok('OPS_TOKEN is set');
    return production
      ? warning('OPS_TOKEN is not set: nobody can call /checkout-sessions/:id/fulfill or anything under /ops')
      : ok('OPS_TOKEN is not set: whoever calls from this machine is let in');
  },
  'webhook secret': ({ stripe: { webhookSecrets: secrets }, sandbox }) => {
    if (!sandbox && secrets.includes(SANDBOX_WEBHOOK_SECRET))
      return wrong(
        "there is a key, but the sandbox's secret: set STRIPE_WEBHOOK_SECRET, or Stripe's events are refused",
      );
    // Of an id (we_…), a key, or quotes that came along.
    return secrets.every((secret) => secret.startsWith('whsec_'))
      ? ok(`STRIPE_WEBHOOK_SECRET: ${secrets.length} to verify with`)
      : warning("STRIPE_WEBHOOK_SECRET holds what does not begin with whsec_, as all of Stripe's secrets do");
  },
  'fulfillment secret': ({ fulfillment: { endpoint } }) => {
    if (endpoint === null) return ok('nothing is signed without FULFILLMENT_URL');
    const { length } = Buffer.from(endpoint.secret.replace('whsec_', ''), 'base64');
    return length >= 24 && length <= 64
      ? ok('FULFILLMENT_SECRET is as long as Standard Webhooks wants it')
      : warning(
          'FULFILLMENT_SECRET has less than 24 bytes, or more than 64, and libraries of Standard Webhooks may refuse it: echo whsec_$(openssl rand -base64 32) makes one',
        );
  },
};
