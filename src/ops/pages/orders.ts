import { html } from 'hono/html';
import { orderStatuses } from '../../orders/status.ts';
import { isFaulty, type ListQuery } from '../filter-query.ts';
import { fulfillmentStandings } from '../order-filter.ts';
import type { Page } from '../orders.ts';
import { page, type Reader } from './layout.ts';
import { choice, findForm, type Markup } from './markup.ts';
import { orderTable } from './order-table.ts';

const PATH = '/ops/orders';

/** Ways to look at the list that are asked for every day. */
const views = {
  All: PATH,
  Stuck: `${PATH}?fulfillment=stuck`,
  Dead: `${PATH}?fulfillment=dead`,
  'Awaiting payment': `${PATH}?status=awaiting_payment`,
  Failed: `${PATH}?status=failed`,
};

export function ordersPage(asked: ListQuery, { orders, next }: Page, reader: Reader): Markup {
  const { given, after } = asked;
  const query = new URLSearchParams(given).toString();
  const search = query && `?${query}`;
  const body = html`<div class="head"><h1>Orders</h1>
${findForm}
</div>
${choice('Views', views, PATH + search)}
${filterForm(asked)}
<section class="card table-card" data-part="orders" aria-label="The orders">
${orders.length > 0 ? orderTable(orders, reader.zone) : nothing(asked)}
</section>
<div class="head" data-part="pages">
${after !== null && html`<a class="button" href="${PATH}${search}">Newest orders</a>`}
${next !== null && html`<a class="button" rel="next" href="${PATH}?${new URLSearchParams({ ...given, after: next }).toString()}">Older orders</a>`}
${orders.length > 0 && html`<a class="button spring" href="/ops/orders.csv${search}">Export as CSV</a>`}
</div>`;
  const watches = after === null && !isFaulty(asked) ? 'orders' : null;
  return page({ title: 'Orders', part: 'orders', watches, body }, reader);
}

/** Closed, so that the list is on a phone's screen: its head says what it does. */
function filterForm(asked: ListQuery): Markup {
  const { given, faults } = asked;
  const used = Object.entries(given).map(([name, value]) => `${name} ${value}`);
  const mark = (name: string) => faults[name] && html`aria-invalid="true" aria-describedby="fault-${name}"`;
  const fault = (name: string) =>
    faults[name] && html`<span class="fault" id="fault-${name}">${faults[name]}</span>`;
  const field = (name: string, label: string, attributes: Markup | null = null) =>
    html`<label>${label}<input name="${name}" value="${given[name] ?? ''}" ${attributes} ${mark(name)}>${fault(name)}</label>`;
  // A field for dates shows none that does not exist.
  const isDate = (name: string) => !faults[name] && /^(\d{4}-\d\d-\d\d)?$/.test(given[name] ?? '');
  const dateField = (name: string, label: string) =>
    field(name, label, isDate(name) ? html`type="date"` : null);
  const select = (name: string, label: string, values: readonly string[]) =>
    html`<label>${label}<select name="${name}" ${mark(name)}><option value="">any</option>${values.map(
      (value) =>
        html`<option value="${value}"${given[name] === value && html` selected`}>${value.replaceAll('_', ' ')}</option>`,
    )}</select>${fault(name)}</label>`;
  return html`<details class="card foldable filters"${isFaulty(asked) && html` open`}><summary>Filter${used.length > 0 && `: ${used.join(', ')}`}</summary>
<form action="${PATH}">
${select('status', 'Payment', orderStatuses)}
${select('fulfillment', 'Fulfilment', fulfillmentStandings)}
${dateField('since', 'Created from')}
${dateField('until', 'Created before')}
${field('email', 'E-mail', html`placeholder="whole, or how it begins" autocomplete="off"`)}
${field('reference', 'Reference', html`autocomplete="off"`)}
${field('amount', 'Amount', html`placeholder="64.98 or 500 jpy" autocomplete="off"`)}
${field('session', 'Checkout session', html`placeholder="cs_…" autocomplete="off"`)}
${field('event', 'Event', html`placeholder="evt_…" autocomplete="off"`)}
<div class="submit"><button class="button primary">Apply</button>
${used.length > 0 && html`<a class="button" href="${PATH}">Clear</a>`}</div>
</form></details>`;
}

function nothing(asked: ListQuery): Markup {
  const { given, faults, after } = asked;
  if (isFaulty(asked)) {
    const unmarked = Object.keys(faults).find((name) => !Object.hasOwn(given, name));
    const words = unmarked ? faults[unmarked] : 'Correct what is marked in the filter, and apply it again.';
    return html`<div class="empty" role="alert"><h2>The filter can't be read</h2><p>${words}</p></div>`;
  }
  if (after !== null) {
    return html`<div class="empty"><h2>That was the last page</h2><p>Go back to the newest orders.</p></div>`;
  }
  return Object.keys(given).length > 0
    ? html`<div class="empty"><h2>No order is like that</h2>
<p>Take a filter away, or look whether Stripe's event came in at all.</p>
<p><a class="button" href="${PATH}">Clear the filter</a> <a class="button" href="/ops/events">To the events</a></p></div>`
    : html`<div class="empty"><h2>No order yet</h2>
<p>An order appears here by itself when Stripe delivers the event of its checkout.</p>
<p><a class="button" href="/ops/events">See which events came in</a></p></div>`;
}
