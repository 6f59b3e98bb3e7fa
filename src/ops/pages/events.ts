import { html } from 'hono/html';
import type { EventPage, ListedEvent } from '../events.ts';
import { page, type Reader } from './layout.ts';
import { badge, choice, eventType, id, type Markup, orNothing, time } from './markup.ts';

const PATH = '/ops/events';
const CONFLICTS = `${PATH}?outcome=conflict`;

interface Asked {
  readonly conflicts: boolean;
  readonly after: string | null;
}

export function eventsPage({ conflicts, after }: Asked, { events, next }: EventPage, reader: Reader): Markup {
  const newest = conflicts ? CONFLICTS : PATH;
  const body = html`<div class="head"><h1>Events</h1></div>
${choice('Views', { All: PATH, Conflicts: CONFLICTS }, newest)}
<section class="card table-card" data-part="events" aria-label="The events">
${events.length > 0 ? table(events, reader) : nothing({ conflicts, after }, reader)}
</section>
<div class="head" data-part="pages">
${after !== null && html`<a class="button" href="${newest}">Newest events</a>`}
${
  next !== null &&
  html`<a class="button" rel="next" href="${PATH}?${new URLSearchParams({ ...(conflicts && { outcome: 'conflict' }), after: next }).toString()}">Older events</a>`
}
</div>`;
  return page({ title: 'Events', part: 'events', watches: after === null ? 'events' : null, body }, reader);
}

function table(events: readonly ListedEvent[], { zone }: Reader): Markup {
  return html`<table class="rows">
<thead><tr><th scope="col">Type</th><th scope="col">Outcome</th><th scope="col">Order</th><th scope="col">Came in</th><th scope="col">Event</th></tr></thead>
<tbody>${events.map(
    (event) => html`<tr>
<th scope="row"><a href="${PATH}/${event.id}">${eventType(event.type)}</a></th>
<td>${badge(event.outcome)}</td>
<td class="nowrap">${orNothing(event.order_id && html`<a href="/ops/orders/${event.order_id}">Order ${event.order_id}</a>`)}</td>
<td class="nowrap">${time(event.received_at, zone)}</td>
<td>${id(event.id)}</td>
</tr>`,
  )}</tbody></table>`;
}

function nothing({ conflicts, after }: Asked, reader: Reader): Markup {
  if (after !== null)
    return html`<div class="empty"><h2>That was the last page</h2><p>Go back to the newest events.</p></div>`;
  if (conflicts)
    return html`<div class="empty"><h2>No conflict</h2><p>No event says that the payment of a paid order failed. There is nothing to do.</p></div>`;
  return html`<div class="empty"><h2>No event</h2>
<p>Each is listed as long as its payload is kept. ${howEventsCome(reader)}
Whether everything is set up, <code>npm run ops -- doctor</code> says.</p></div>`;
}

/** What to do where none has come in yet. */
export function howEventsCome({ mode }: Reader): Markup {
  return mode === 'sandbox'
    ? html`<a href="/sandbox">Buy something</a> in the sandbox's shop, or in a terminal: <code>npm run simulate -- paid</code>.`
    : html`Register <code>/webhook</code> as an endpoint in the Stripe Dashboard, or forward events to it with <code>stripe listen</code>.`;
}
