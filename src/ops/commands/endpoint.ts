import { Command, InvalidArgumentError } from 'commander';
import type { Describe, Report } from '../command.ts';
import { createEndpoint } from '../endpoint.ts';

const HELP = `
It sends the three events that the service handles, in the version of Stripe's API that it knows. The key in
STRIPE_SECRET_KEY must be allowed to write Webhook Endpoints; the service itself needs no such right.

Examples:
  npm run ops -- endpoint create https://pay.example.com/webhook
  npm run --silent ops -- endpoint create https://pay.example.com/webhook --json`;

export const endpoint: Describe = (act) =>
  new Command('endpoint').description('Registers this service with Stripe.').addCommand(
    new Command('create')
      .description('Creates the webhook endpoint, and prints its secret, once.')
      .argument('<url>', 'where Stripe reaches this service: https://<your host>/webhook', webhookUrl)
      .addHelpText('after', HELP)
      .action(
        act(async ({ config, stripe }, url: string): Promise<Report> => {
          if (config.sandbox) return sandboxed;
          const created = await createEndpoint(stripe, url);
          const { id, secret } = created;
          return {
            ok: true,
            data: created,
            text: `${id} delivers to ${url}. Stripe tells its secret this once:\n\nSTRIPE_WEBHOOK_SECRET=${secret}`,
          };
        }),
      ),
  );

const sandboxed: Report = {
  ok: false,
  data: { error: 'sandbox' },
  text: 'This is the sandbox, which needs no endpoint: set STRIPE_SECRET_KEY first.',
};

function webhookUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'https:' || !/\/webhook\/?$/i.test(url.pathname))
    throw new InvalidArgumentError('It must begin with https:// and its path end in /webhook.');
  return text;
}
