import { type Config, SANDBOX_WEBHOOK_SECRET } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { expectMailDir, mailDir } from '../../notifications/mail-files.ts';
import { type Checks, ok, warning, wrong } from './finding.ts';

/** What is allowed, and yet may not be meant. */
export const configurationChecks: Checks<Config> = {
  receiver: ({ fulfillment, stripe }) => {
    if (fulfillment.endpoint !== null) return ok('paid orders are POSTed to FULFILLMENT_URL');
    const words =
      'FULFILLMENT_URL is not set: paid orders are recorded as fulfilled, and no backend of yours hears of them';
    return stripe.livemode ? warning(words) : ok(words);
  },
  mail: async ({ mail, stripe, dataDir }) => {
    if (mail.smtpUrl !== null) return ok('customers are written to by SMTP_URL');
    try {
      await expectMailDir(mailDir(dataDir));
    } catch (error) {
      return wrong(`SMTP_URL is not set, and mails can't be written to files: ${messageOf(error)}`);
    }
    const words = 'SMTP_URL is not set: mails are written to files, and nobody gets them';
    return stripe.livemode ? warning(words) : ok(words);
  },
  'who is told': ({ alerts, stripe }) => {
    if (alerts.webhookUrl !== null || alerts.mail !== null)
      return ok('a person is told when something needs one');
    const words =
      'neither ALERT_WEBHOOK_URL nor ALERT_MAIL is set: what needs a person stands in the log and the metrics alone';
    return stripe.livemode ? warning(words) : ok(words);
  },
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
};
