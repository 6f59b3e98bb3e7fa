import { Command } from 'commander';
import { z } from 'zod';
import { typed } from '../../command-line.ts';
import { loadStripeAccount } from '../../config.ts';
import { SetupError } from '../../errors.ts';
import { createStripe } from '../../stripe/client.ts';
import type { Describe, Report } from '../command.ts';
import { createEndpoint } from '../endpoint.ts';

const HELP = `
It sends the three events that the service handles, in the version of Stripe's API that it knows. The key in
STRIPE_SECRET_KEY must be allowed to write Webhook Endpoints; the service itself needs no such right. No other
variable and no database is needed.

Examples:
  npm run ops -- endpoint create https://pay.example.com/webhook
  npm run --silent ops -- endpoint create https://pay.example.com/webhook --json`;

const webhookUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  return url?.protocol === 'https:' && /\/webhook\/?$/i.test(url.pathname);
}, 'must begin with https:// and its path end in /webhook');

export const endpoint: Describe = (_act, actAlone) =>
  new Command('endpoint').description('Registers this service with Stripe.').addCommand(
    new Command('create')
      .description('Creates the webhook endpoint, and prints its secret, once.')
      .argument('<url>', 'where Stripe reaches this service: https://<your host>/webhook', typed(webhookUrl))
      .option(
        '--connect',
        'for the events of connected accounts (Stripe Connect), which need an endpoint of their own',
      )
      .addHelpText('after', HELP)
      .action(
        actAlone(async (url: string, { connect = false }: { connect?: boolean }): Promise<Report> => {
          const { secretKey, apiBase } = loadStripeAccount();
          if (secretKey === null)
            throw new SetupError(
              'This is the sandbox, which needs no endpoint: set STRIPE_SECRET_KEY first.',
            );
          const created = await createEndpoint(createStripe(secretKey, apiBase), url, { connect });
          const { id, secret } = created;
          return {
            ok: true,
            data: created,
            text: `${id} delivers to ${url}. Stripe tells its secret this once:\n\nSTRIPE_WEBHOOK_SECRET=${secret}`,
          };
        }),
      ),
  );
