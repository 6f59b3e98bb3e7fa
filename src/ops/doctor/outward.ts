import type { Config } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { expectMailer } from '../../notifications/mailer.ts';
import { expectConnection } from '../../post.ts';
import { type Checks, ok, type Verdict, warning } from './finding.ts';

const WITHIN_MS = 5_000;

/** Whether those to whom the service speaks can be reached. Nothing is sent to them that they would act on. */
export const outwardChecks: Checks<Config> = {
  receiver: async ({ fulfillment: { endpoint }, stripe }) => {
    if (endpoint === null)
      return unset(
        stripe,
        'FULFILLMENT_URL is not set: paid orders are recorded as fulfilled, and no backend of yours hears of them',
      );
    await expectReached('FULFILLMENT_URL', endpoint.url);
    return ok('FULFILLMENT_URL, where paid orders are POSTed, can be reached');
  },
  mail: async (config) => {
    const bySmtp = config.mail.smtpUrl !== null;
    const fault = bySmtp
      ? 'SMTP_URL can not be used'
      : "SMTP_URL is not set, and mails can't be written to files";
    await orSay(fault, expectMailer(config, WITHIN_MS));
    return bySmtp
      ? ok('SMTP_URL, by which customers are written to, lets us in')
      : unset(config.stripe, 'SMTP_URL is not set: mails are written to files, and nobody gets them');
  },
  'who is told': async ({ alerts: { webhookUrl, mail }, stripe }) => {
    if (webhookUrl === null && mail === null)
      return unset(
        stripe,
        'neither ALERT_WEBHOOK_URL nor ALERT_MAIL is set: what needs a person stands in the log and the metrics alone',
      );
    if (webhookUrl === null) return ok('ALERT_MAIL is written to when something needs a person');
    await expectReached('ALERT_WEBHOOK_URL', webhookUrl);
    return ok('ALERT_WEBHOOK_URL can be reached; whether it takes an alert shows with the first one');
  },
};

function expectReached(variable: string, url: string): Promise<void> {
  return orSay(`${variable} can not be reached`, expectConnection(new URL(url), WITHIN_MS));
}

async function orSay(fault: string, reached: Promise<void>): Promise<void> {
  try {
    await reached;
  } catch (error) {
    throw new Error(`${fault}: ${messageOf(error)}`);
  }
}

/** A shop that takes real money will hardly have meant it. */
function unset({ livemode }: Config['stripe'], words: string): Verdict {
  return livemode ? warning(words) : ok(words);
}
