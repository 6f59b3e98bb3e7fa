import { html } from 'hono/html';
import { isWithin } from '../../stripe/shapes.ts';
import type { KeptEvent } from '../look-up.ts';
import type { Dashboard } from '../stripe-links.ts';
import { page, type Reader } from './layout.ts';
import { badge, eventType, facts, id, type Markup, orNothing, time } from './markup.ts';
import { replayForm } from './order.ts';

interface Event {
  readonly event: KeptEvent;
  readonly orderId: number | null;
  /** Why it asks nothing of any order; null when it does. */
  readonly whyIgnored: string | null;
  readonly dashboard: Dashboard;
  readonly notice: Markup | null;
}

export function eventPage({ event, orderId, whyIgnored, dashboard, notice }: Event, reader: Reader): Markup {
  const atStripe = dashboard.event(event);
  const details = facts([
    ['Event', id(event.id)],
    [
      'Order',
      orderId === null
        ? html`none${whyIgnored && `: ${whyIgnored}`}`
        : html`<a href="/ops/orders/${orderId}">${orderId}</a>`,
    ],
    ['Checkout session', id(event.checkout_session_id)],
    ['Made by Stripe', time(event.created_at, reader.zone)],
    ['Came in', time(event.received_at, reader.zone)],
    ['API version', orNothing(event.api_version)],
    ['Mode', html`${event.livemode ? 'live' : 'test'}`],
    ['Connected account', id(event.account)],
  ]);
  const body = html`<nav class="crumbs" aria-label="Where this is"><a href="/ops/events">Events</a></nav>
<div class="head"><h1>${eventType(event.type)}</h1><span>${badge(event.outcome)}</span>
<span class="spring actions">${event.payload !== null && replayForm(event.id, reader)}
${atStripe && html`<a class="button" href="${atStripe}" rel="noreferrer">Open in Stripe</a>`}</span></div>
${notice}
<div class="columns">
<section class="card"><h2>Payload</h2>${payload(event.payload)}</section>
<section class="card"><h2>Details</h2>
${details}</section>
</div>`;
  return page({ title: event.type, part: 'events', body }, reader);
}

function payload(text: string | null): Markup {
  return text === null
    ? html`<p class="muted">It was emptied, after <code>RETENTION_DAYS</code> or since a person was erased. Stripe's Dashboard may still have it.</p>`
    : html`<pre tabindex="0" role="region" aria-label="Payload">${readable(text)}</pre>`;
}

/**
 * Indented, unless it is far larger or deeper than events are: what is deep and wide grows by its depth, and took the whole heap.
 * Of events that are not handled nothing else limits that.
 */
function readable(text: string): string {
  if (text.length > 256 * 1024) return text;
  const payload: unknown = JSON.parse(text);
  return isWithin(30, payload) ? JSON.stringify(payload, null, 2) : text;
}
