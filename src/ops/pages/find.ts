import { html } from 'hono/html';
import type { Markup } from './markup.ts';

export function findForm(): Markup {
  return html`<form class="find spring" action="/ops/find" role="search"><label class="sr" for="q">Find an order</label>
<input id="q" name="q" type="search" placeholder="Order, e-mail, reference, cs_, pi_, evt_"></form>`;
}
