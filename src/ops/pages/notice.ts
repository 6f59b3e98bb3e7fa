import { html } from 'hono/html';
import { LONGEST_REASON } from '../close.ts';
import type { Markup } from './markup.ts';

/**
 * What became of an action or a search, in the words of the page to which the browser is sent afterwards. They must stay
 * true while that page stays open.
 */
const notices: Readonly<Record<string, { tone: 'good' | 'bad' | 'plain'; words: string }>> = {
  retried: { tone: 'plain', words: 'Another attempt was asked for: the time line says what becomes of it.' },
  nothing_to_retry: {
    tone: 'plain',
    words: 'There was nothing to try again: nothing was dead or put off. An attempt may have been under way.',
  },
  dead_retried: {
    tone: 'plain',
    words: 'Another attempt was asked for at all that was dead: what fails again is listed here anew.',
  },
  nothing_dead: { tone: 'plain', words: 'Nothing was dead any more.' },
  closed: { tone: 'good', words: 'What the order was owed is closed: no further attempt is made.' },
  nothing_to_close: { tone: 'plain', words: 'There was nothing to close: the order is owed nothing.' },
  no_reason: { tone: 'bad', words: `Nothing was closed: say why, in ${LONGEST_REASON} characters at most.` },
  replayed_applied: { tone: 'good', words: 'The event was replayed, and moved the order.' },
  replayed_stale: {
    tone: 'plain',
    words: 'The event was replayed. Nothing changed: the order is where the event would put it, or beyond.',
  },
  replayed_conflict: {
    tone: 'bad',
    words:
      'The event says that the payment failed, but the order is paid and stays so: look at it in Stripe.',
  },
  replayed_ignored: { tone: 'plain', words: 'The event was replayed, and asks nothing of any order.' },
  found_with_reference: {
    tone: 'plain',
    words: 'Another order has this number as its reference: filter the orders by it to see that one.',
  },
};

/** Null for what is no such word: it stands in the URL, where anyone can write. */
export function noticeOf(word: unknown): Markup | null {
  if (typeof word !== 'string' || !Object.hasOwn(notices, word)) return null;
  const { tone, words } = notices[word] as (typeof notices)[string];
  return html`<p class="note ${tone}" role="status">${words}</p>`;
}
