import { html } from 'hono/html';
import { ageOf } from '../../age.ts';
import type { Alert } from '../../alerts/alert.ts';
import { wordsOf } from '../../alerts/words.ts';
import { counted, figure } from '../../counted.ts';
import type { ListedOrder } from '../orders.ts';
import type { Range, ShopStanding, Span } from '../overview.ts';
import { amountOf } from '../words.ts';
import { chart } from './chart.ts';
import { howEventsCome } from './events.ts';
import { formToken, page, type Reader } from './layout.ts';
import { choice, findForm, type Markup } from './markup.ts';
import { orderTable } from './order-table.ts';

interface Overview {
  /** What became of what the reader just did. */
  readonly notice: Markup | null;
  readonly alerts: readonly Alert[];
  readonly standing: ShopStanding;
  readonly range: Range;
  readonly history: readonly Span[];
  /** Those that wait for the longest. */
  readonly stuck: readonly ListedOrder[];
  readonly newest: readonly ListedOrder[];
}

const rangeNames: Readonly<Record<Range, string>> = { '24h': '24 hours', '30d': '30 days' };
const addressOf = (range: string) => `/ops?range=${range}`;
const ranges = Object.fromEntries(
  Object.entries(rangeNames).map(([range, name]) => [name, addressOf(range)]),
);

export function overviewPage(overview: Overview, reader: Reader): Markup {
  const { range } = overview;
  const body = html`<div class="head"><h1>Overview</h1>
${choice('Range of the charts', ranges, addressOf(range))}
${findForm}</div>
${overview.notice}
<div class="notes" data-part="alerts">${overview.alerts.map(alertNote)}</div>
${tiles(overview.standing)}
<div data-part="stuck">${overview.stuck.length > 0 && stuckOrders(overview, reader)}</div>
<div data-part="mails">${overview.standing.dead_mails > 0 && deadMails(overview.standing, reader)}</div>
${charts(overview)}
${newestOrders(overview.newest, reader)}`;
  // A month is counted anew at a price that nobody wants to pay each second.
  const watches = range === '24h' ? 'orders' : null;
  return page({ title: 'Overview', part: 'overview', watches, body }, reader);
}

function alertNote(alert: Alert): Markup {
  const { title, what, todo } = wordsOf(alert);
  return html`<p class="note bad"><b>${title}.</b> ${what} ${todo}</p>`;
}

function tiles(standing: ShopStanding): Markup {
  const { paid_today, oldest, owed, dead_fulfillments, dead_mails, awaiting_payment } = standing;
  const orders = paid_today.reduce((sum, { orders }) => sum + orders, 0);
  const amounts = paid_today.flatMap(({ currency, amount }) =>
    currency === null ? [] : [amountOf(amount, currency)],
  );
  const dead = dead_fulfillments + dead_mails;
  return html`<dl class="tiles" data-part="tiles">
<div class="card tile"><dt>Paid today</dt>
<dd>${amounts.length === 0 ? '–' : shortened(amounts).map((amount) => html`<span>${amount}</span>`)}</dd>
<dd class="muted">${orders === 0 ? 'no order yet' : counted(orders, 'order')}</dd></div>
<div class="card tile"><dt>Oldest unfulfilled</dt>
<dd>${oldest === null ? 'none' : html`<a href="/ops/orders/${oldest.order_id}">${ageOf(oldest.waiting_seconds)}</a>`}</dd>
<dd class="muted">${oldest === null ? 'every paid order is fulfilled' : `${counted(owed + dead_fulfillments, 'order')} to fulfil`}</dd></div>
<div class="card tile${dead > 0 && ' alarming'}"><dt>Dead</dt>
<dd>${dead_fulfillments === 0 ? figure(dead) : html`<a href="/ops/orders?fulfillment=dead">${figure(dead)}</a>`}</dd>
<dd class="muted">${dead === 0 ? 'nothing was given up' : `${counted(dead_fulfillments, 'order')}, ${counted(dead_mails, 'mail')}`}</dd></div>
<div class="card tile"><dt>Awaiting payment</dt>
<dd>${awaiting_payment === 0 ? 0 : html`<a href="/ops/orders?status=awaiting_payment">${figure(awaiting_payment)}</a>`}</dd>
<dd class="muted">delayed methods, such as bank debits</dd></div>
</dl>`;
}

/** All that the tile has room for. */
function shortened(amounts: readonly string[]): readonly string[] {
  return amounts.length <= 4
    ? amounts
    : [...amounts.slice(0, 3), `and ${amounts.length - 3} more currencies`];
}

function charts({ range, history }: Overview): Markup {
  const labels = history.map(({ at }) => (range === '24h' ? at.slice(11) : day(at)));
  const sumOf = (key: 'paid' | 'awaiting_payment' | 'failed') =>
    figure(history.reduce((sum, span) => sum + span[key], 0));
  const worst = (key: 'p50' | 'p99') =>
    `at most ${milliseconds(Math.max(...history.map((span) => span[key] ?? 0)))}`;
  return html`<div class="pair">
${chart({
  title: `Orders, last ${rangeNames[range]}`,
  kind: 'columns',
  labels,
  series: [
    { name: 'paid', values: history.map(({ paid }) => paid), sum: sumOf('paid') },
    {
      name: 'awaiting payment',
      values: history.map((span) => span.awaiting_payment),
      sum: sumOf('awaiting_payment'),
    },
    { name: 'failed', values: history.map(({ failed }) => failed), sum: sumOf('failed') },
  ],
  say: figure,
  empty: `No order in the last ${rangeNames[range]}.`,
})}
${chart({
  title: `Acknowledgement time, last ${rangeNames[range]}`,
  kind: 'lines',
  labels,
  series: [
    { name: 'half of the deliveries', values: history.map(({ p50 }) => p50), sum: worst('p50') },
    { name: '99 of 100', values: history.map(({ p99 }) => p99), sum: worst('p99') },
  ],
  say: milliseconds,
  empty: `No delivery in the last ${rangeNames[range]}. Times are written once a minute.`,
})}
</div>`;
}

function milliseconds(value: number): string {
  return value >= 1_000 ? `${Math.round(value / 100) / 10} s` : `${Math.round(value)} ms`;
}

function day(at: string): string {
  const date = new Date(`${at}Z`);
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
}

function stuckOrders({ stuck, standing }: Overview, reader: Reader): Markup {
  const words =
    standing.stuck > stuck.length ? `All ${figure(standing.stuck)} that are stuck` : 'All that are stuck';
  const longestFirst = stuck.toSorted((a, b) => (b.waiting_seconds ?? 0) - (a.waiting_seconds ?? 0));
  return html`<section class="card table-card">
<div class="head"><h2>Needs attention</h2><a class="spring" href="/ops/orders?fulfillment=stuck">${words}</a>
${standing.dead_fulfillments > 0 && retryDeadForm(reader)}</div>
${orderTable(longestFirst, reader.zone)}</section>`;
}

/** It stands once on the page: it tries orders and mails again alike. */
function retryDeadForm(reader: Reader): Markup {
  return html`<form method="post" action="/ops/retry-dead">${formToken(reader)}<button class="button">Try all that is dead again</button></form>`;
}

function deadMails({ mails, dead_mails, dead_fulfillments }: ShopStanding, reader: Reader): Markup {
  return html`<section class="card"><div class="head"><h2>Mails that were not sent</h2>
${dead_fulfillments === 0 && html`<span class="spring">${retryDeadForm(reader)}</span>`}</div>
<ul class="lines">${mails.map(
    ({ order_id, kind, last_error }) =>
      html`<li><a href="/ops/orders/${order_id}">Order ${order_id}</a>, ${kind === 'order_paid' ? 'the receipt' : 'word of the failed payment'}:
${last_error}</li>`,
  )}</ul>
${dead_mails > mails.length && html`<p class="muted">These are the latest of ${counted(dead_mails, 'mail')}: the view <code>work_dead</code> has them all.</p>`}</section>`;
}

function newestOrders(orders: readonly ListedOrder[], reader: Reader): Markup {
  return html`<section class="card table-card" data-part="newest">
<div class="head"><h2>Newest orders</h2><a class="spring" href="/ops/orders">All orders</a></div>
${
  orders.length > 0
    ? orderTable(orders, reader.zone)
    : html`<div class="empty"><h3>No order yet</h3>
<p>An order appears here when Stripe delivers the event of its checkout. ${howEventsCome(reader)}</p></div>`
}</section>`;
}
