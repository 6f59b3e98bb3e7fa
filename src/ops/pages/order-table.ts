import { html } from 'hono/html';
import { ageOf } from '../../age.ts';
import type { ListedOrder } from '../orders.ts';
import { badge, type Markup, money, orNothing, time } from './markup.ts';

/** Orders as rows, and on a narrow screen each as a card of its own. */
export function orderTable(orders: readonly ListedOrder[], zone: string): Markup {
  return html`<table class="rows">
<thead><tr>
<th scope="col">Order</th><th scope="col" class="number">Amount</th><th scope="col">Status</th>
<th scope="col">Customer</th><th scope="col">Reference</th><th scope="col">Created</th>
</tr></thead>
<tbody>${orders.map(
    (order) => html`<tr>
<th scope="row"><a href="/ops/orders/${order.id}">${order.id}</a></th>
<td class="number strong">${money(order.amount_total, order.currency)}</td>
<td>${statusOf(order)}${reasonOf(order)}</td>
<td class="wide">${orNothing(order.customer_email)}</td>
<td class="wide">${orNothing(order.client_reference_id)}</td>
<td class="nowrap">${time(order.created_at, zone)}</td>
</tr>`,
  )}</tbody></table>`;
}

/** What is longer is cut off after 100 characters, of which none is halved: the order's own page has all of it. */
const LONG_REASON = /^(.{100}).+/su;

function reasonOf({ last_error }: ListedOrder): Markup | null {
  if (!last_error) return null;
  return html`<span class="reason muted">${last_error.replace(LONG_REASON, '$1…')}</span>`;
}

type Status = Pick<
  ListedOrder,
  'status' | 'fulfillment_status' | 'attempts' | 'under_way' | 'waiting_seconds'
>;

/** How the order stands with its payment, and then with its fulfilment. */
export function statusOf(order: Status): Markup {
  const { status, fulfillment_status, waiting_seconds } = order;
  const waits =
    waiting_seconds !== null && html` <span class="muted nowrap">${ageOf(waiting_seconds)}</span>`;
  if (status !== 'paid' || fulfillment_status === null) return html`${badge(status)}${waits}`;
  if (fulfillment_status === 'fulfilled') return html`${badge('paid')} ${badge('fulfilled')}`;
  const words = fulfillment_status === 'dead' ? 'dead' : progressOf(order);
  return html`${badge('paid')} ${badge(fulfillment_status, words)}${waits}`;
}

/** Whether the last attempt failed is not told: one that a stopping process gave back has been counted as well. */
function progressOf({ attempts, under_way }: Status): string {
  if (under_way) return `attempt ${attempts} under way`;
  return attempts ? `tried ${attempts}x` : 'to fulfil';
}
