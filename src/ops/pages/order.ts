import { html } from 'hono/html';
import { counted } from '../../counted.ts';
import { type Sum, sumsOf } from '../../notifications/sums.ts';
import type { LineItem, Order } from '../../orders/order.ts';
import type { Fulfillment, WholeOrder } from '../look-up.ts';
import type { Dashboard } from '../stripe-links.ts';
import { deadOf, type Entry, owedOf } from '../timeline.ts';
import { distanceOf, presentmentFact, tell } from '../words.ts';
import { closeForm } from './close.ts';
import { answers, envelope, flat, pairs } from './kept-json.ts';
import { formToken, page, type Reader } from './layout.ts';
import { badge, eventType, facts, id, type Markup, money, orNothing, time } from './markup.ts';
import { statusOf } from './order-table.ts';

interface OrderPage {
  readonly whole: WholeOrder;
  readonly dashboard: Dashboard;
  /** What became of what the reader just did. */
  readonly notice: Markup | null;
}

export function orderPage({ whole, dashboard, notice }: OrderPage, reader: Reader): Markup {
  const { order, line_items, fulfillment, timeline, now } = whole;
  const atStripe = dashboard.payment(order);
  const owed = owedOf(timeline);
  const status = statusOf({
    status: order.status,
    fulfillment_status: fulfillment?.status ?? null,
    attempts: fulfillment?.attempts ?? null,
    under_way: timeline.some((entry) => entry.kind === 'under_way' && entry.work === 'fulfillment'),
    waiting_seconds: null,
  });
  const body = html`<nav class="crumbs" aria-label="Where this is"><a href="/ops/orders">Orders</a></nav>
<div class="head" data-part="head">
<h1>Order ${order.id}</h1><span>${status}</span><span class="total">${money(order.amount_total, order.currency)}</span>
<span class="spring actions">${owed.length > 0 && retryForm(order, fulfillment?.status === 'dead', owed, reader)}
${atStripe && html`<a class="button" href="${atStripe}" rel="noreferrer">Open in Stripe</a>`}</span>
</div>
${notice}
<div data-part="dead">${fulfillment?.status === 'dead' ? deadNote(fulfillment) : deadOf(timeline).length > 0 && deadMailNote(owed)}</div>
<div class="columns">
<section class="card" data-part="timeline"><h2>Time line</h2>
<ol class="timeline">${timeline.map((entry) => html`<li class="${toneOf(entry)}">${happening(entry, now, reader)}</li>`)}</ol></section>
<div class="side">
<section class="card" data-part="facts"><h2>Details</h2>${details(order, reader)}</section>
<section class="card table-card" data-part="items"><h2>Line items</h2>${items(line_items, sumsOf(order), fulfillment)}</section>
<div data-part="close">${owed.length > 0 && closeForm(order.id, owed, reader)}</div>
</div></div>`;
  return page({ title: `Order ${order.id}`, part: 'orders', watches: `order:${order.id}`, body }, reader);
}

/** Where a mail alone is owed, nobody is to think that something is shipped again, or the payment tried. */
function retryForm({ id }: Order, urgent: boolean, owed: readonly string[], reader: Reader): Markup {
  return html`<form method="post" action="/ops/orders/${id}/retry">${formToken(reader)}
<button class="button${urgent && ' primary'}">${owed.includes('fulfillment') ? 'Try again' : 'Send the mail now'}</button></form>`;
}

function toneOf(entry: Entry): string {
  if (entry.kind === 'attempt_failed') return entry.dead ? 'bad' : 'wait';
  if (entry.kind === 'done' || (entry.kind === 'transition' && entry.to === 'paid')) return 'good';
  if (entry.kind === 'under_way' || entry.kind === 'due') return 'due';
  return entry.kind === 'event' && entry.outcome === 'conflict' ? 'bad' : 'plain';
}

function happening(entry: Entry, now: Date, reader: Reader): Markup {
  return html`<p>${entry.kind === 'event' ? eventWords(entry) : tell(entry)}</p>
<p class="when">${time(entry.at, reader.zone)} · ${distanceOf(entry.at, now)}</p>
${entry.kind === 'event' && entry.replayable && replayForm(entry.event_id, reader)}`;
}

function eventWords({ event_id, type, outcome }: Extract<Entry, { kind: 'event' }>): Markup {
  return html`Stripe sent <a href="/ops/events/${event_id}">${eventType(type)}</a> ${badge(outcome)}`;
}

export function replayForm(eventId: string, reader: Reader): Markup {
  return html`<form class="replay" method="post" action="/ops/events/${eventId}/replay">${formToken(reader)}
<button class="button" aria-label="Replay ${eventId}">Replay</button></form>`;
}

function deadNote({ attempts, last_error }: Fulfillment): Markup {
  return html`<p class="note bad">Dead after ${counted(attempts, 'attempt')}${last_error && `: ${last_error}`}. Repair the cause, then try again. If it was refunded, or fulfilled by hand, close it below.</p>`;
}

function deadMailNote(owed: readonly string[]): Markup {
  const otherwise = !owed.includes('fulfillment') && ' If its address does not exist, do without it below.';
  return html`<p class="note bad">A mail was not sent, and is not tried any more: the time line says why. Repair the cause, then try again.${otherwise}</p>`;
}

function details(order: Order, { zone }: Reader): Markup {
  const [presentment, presented] = presentmentFact(order);
  return facts([
    [
      'Customer',
      html`${orNothing(order.customer_name)}<br>${orNothing(order.customer_email)}${order.customer_phone && html`<br>${order.customer_phone}`}`,
    ],
    ['Reference', orNothing(order.client_reference_id)],
    ['Created', time(order.created_at, zone)],
    ['Paid', order.paid_at && time(order.paid_at, zone)],
    ['Failed', order.failed_at && time(order.failed_at, zone)],
    [presentment, lines(flat(presented))],
    ['Ship to', lines(envelope(order.shipping_details))],
    ['Metadata', lines(pairs(order.metadata))],
    ['Custom fields', lines(answers(order.custom_fields))],
    ['Checkout session', id(order.checkout_session_id)],
    ['Payment intent', order.payment_intent_id === null ? null : id(order.payment_intent_id)],
    ['Subscription', order.subscription_id === null ? null : id(order.subscription_id)],
    ['Connected account', order.account === null ? null : id(order.account)],
  ]);
}

function lines(texts: readonly string[]): Markup | null {
  return texts.length === 0 ? null : html`${texts.map((text) => html`<span class="line-of">${text}</span>`)}`;
}

function items(
  lineItems: readonly LineItem[],
  sums: readonly Sum[],
  fulfillment: Fulfillment | null,
): Markup {
  if (lineItems.length === 0) {
    const why =
      fulfillment?.status === 'fulfilled'
        ? 'None: the order was closed before an attempt had fetched them from Stripe.'
        : 'None yet: an attempt to fulfil the order fetches them from Stripe.';
    return html`<p class="muted pad">${why}</p>`;
  }
  return html`<table><thead><tr><th scope="col">Item</th><th scope="col" class="number">Amount</th></tr></thead>
<tbody>${lineItems.map(
    ({ quantity, description, amount_subtotal, currency, metadata }) =>
      html`<tr><td class="wide">${quantity !== null && `${quantity} × `}${orNothing(description)}${lines(pairs(metadata))}</td><td class="number">${money(amount_subtotal, currency)}</td></tr>`,
  )}</tbody>
<tfoot>${sums.map(
    ({ label, amount, currency }) =>
      html`<tr><th scope="row">${label}</th><td class="number">${money(amount, currency)}</td></tr>`,
  )}</tfoot></table>`;
}
