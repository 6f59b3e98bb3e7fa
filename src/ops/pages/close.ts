import { html } from 'hono/html';
import { LONGEST_REASON } from '../close.ts';
import { formToken, type Reader } from './layout.ts';
import type { Markup } from './markup.ts';

/** For an order that is not to be attempted any more; `owed` is what it is owed yet. */
export function closeForm(orderId: number, owed: readonly string[], reader: Reader): Markup {
  const [name, what, button] = owed.includes('fulfillment')
    ? [
        'Close without another attempt',
        'For an order that was fulfilled by hand, or refunded in Stripe. It stays paid, and is called fulfilled from then on. Mails that were not sent are not sent. An attempt that is under way in that moment may still reach the receiver.',
        `Close order ${orderId}`,
      ]
    : [
        'Do without the mail',
        'For an address that does not exist, say. Nothing else changes.',
        'Send no mail',
      ];
  return html`<details class="card foldable"><summary>${name}</summary>
<form method="post" action="/ops/orders/${orderId}/close">${formToken(reader)}
<p class="muted">${what}</p>
<label>Why, without the customer's name<input name="because" required maxlength="${LONGEST_REASON}" autocomplete="off"></label>
<button class="button">${button}</button>
</form></details>`;
}
