import { asHtml, asText, type Letter } from '../notifications/letter.ts';
import type { Mailer } from '../notifications/mail.ts';
import { post } from '../post.ts';
import { type Alert, newsOf } from './alert.ts';
import { wordsOf } from './words.ts';

/** A way to a person. It throws when the alert did not get through. */
export interface Channel {
  readonly name: 'webhook' | 'mail';
  readonly tell: (alert: Alert, signal: AbortSignal) => Promise<void>;
}

const TIMEOUT_MS = 10_000;

/** A chat's incoming webhook, in the form that Slack began and others (Mattermost, Discord's /slack, Google Chat) take. */
export function webhookChannel(url: string, shop: string): Channel {
  const address = new URL(url);
  return {
    name: 'webhook',
    async tell(alert, signal) {
      const { title, what, todo } = wordsOf(alert);
      const body = JSON.stringify({ text: escaped(`[${shop}] ${title}\n${what}\n${todo}`) });
      const headers = { 'content-type': 'application/json', 'user-agent': 'checkout-fulfillment' };
      const { status } = await post(address, { headers, body, timeoutMs: TIMEOUT_MS, signal });
      if (status < 200 || status >= 300) throw new Error(`the webhook answered ${status}`);
    },
  };
}

/** What Slack takes for its own marks: https://docs.slack.dev/messaging/formatting-message-text. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/**
 * A repeat has the same Message-ID, so that mail programs show it once. An id alone is also that of another database's alert: of
 * the test shop's, say, or of one that a backup has forgotten.
 */
export function mailChannel({ to, send, shop }: { to: string; send: Mailer; shop: string }): Channel {
  return {
    name: 'mail',
    async tell(alert) {
      const { title, what, todo } = wordsOf(alert);
      const letter: Letter = {
        from: shop,
        title,
        reference: `Alert ${alert.id}`,
        paragraphs: [what, todo],
        closing: 'Written by checkout-fulfillment for',
      };
      await send({
        to,
        messageId: `alert.${alert.id}.${alert.raised_at.getTime()}.${newsOf(alert)}`,
        subject: `[${shop}] ${title}`,
        text: asText(letter),
        html: asHtml(letter),
      });
    },
  };
}
