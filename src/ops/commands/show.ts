import { styleText } from 'node:util';
import { Command } from 'commander';
import { databaseTime } from '../../db/clock.ts';
import { type Sum, sumsOf } from '../../notifications/sums.ts';
import type { LineItem } from '../../orders/order.ts';
import type { Describe, Report } from '../command.ts';
import { type KeptEvent, lookUp, ORDER_NAMES, type WholeOrder, wholeOrder } from '../look-up.ts';
import { whyIgnored } from '../replay.ts';
import { type Cell, table } from '../table.ts';
import { deadOf, type Entry, owedOf } from '../timeline.ts';
import { amountOf, distanceOf, momentOf, presentmentFact, stateOf, tell, zone } from '../words.ts';

const HELP = `
Examples:
  npm run ops -- show 42
  npm run ops -- show cs_live_a1b2c3
  npm run ops -- show pi_3QzXy2a3b4c5    (Stripe is asked whose it is)
  npm run ops -- show evt_1QzXy2a3b4c5   (the order that it is about)`;

export const show: Describe = (act) =>
  new Command('show')
    .description('Shows everything about an order, on one time line.')
    .argument('<id>', ORDER_NAMES)
    .addHelpText('after', HELP)
    .action(
      act(async ({ config, db, stripe, width }, id: string): Promise<Report> => {
        const found = await lookUp({ db, stripe }, id);
        return typeof found === 'number'
          ? showOrder(await wholeOrder(db, found), width)
          : showEvent(found, await databaseTime(db), config.stripe.livemode, width);
      }),
    );

function showOrder(whole: WholeOrder, width: number | null): Report {
  const { now, ...data } = whole;
  const { order, line_items, timeline } = data;
  const parts = [
    facts(factsOf(whole), width),
    line_items.length > 0 &&
      table(ITEM_COLUMNS, [...line_items.map(itemRow), ...sumsOf(order).map(sumRow)], width),
    table(
      [{ head: `TIME (${zone})` }, {}, { head: 'WHAT HAPPENED', gives: true }],
      timeline.map((entry) => entryRow(entry, now)),
      width,
    ),
    adviceFor(whole),
  ];
  const title = styleText('bold', `Order ${order.id}: ${stateOf(stateIn(whole))}`);
  return { ok: true, data, text: [title, ...parts.filter((part) => part !== false)].join('\n\n') };
}

function stateIn({ order: { status }, fulfillment }: WholeOrder) {
  return { status, fulfillment_status: fulfillment?.status ?? null, attempts: fulfillment?.attempts ?? null };
}

function factsOf({ order, fulfillment, now }: WholeOrder): readonly Fact[] {
  return [
    ['Total', amountOf(order.amount_total, order.currency)],
    presentmentFact(order),
    ['Customer', [order.customer_name, order.customer_email].filter(Boolean).join(', ')],
    ['Reference', order.client_reference_id],
    ['Session', order.checkout_session_id],
    ['Payment', order.payment_intent_id],
    ['Subscription', order.subscription_id],
    ['Account', order.account],
    ['Created', `${momentOf(order.created_at)}, ${distanceOf(order.created_at, now)}`],
    ['Last error', fulfillment?.last_error ?? null],
    ['Mode', order.livemode ? null : 'a test, no money moved'],
  ];
}

type Fact = readonly [name: string, value: string | null];

function facts(all: readonly Fact[], width: number | null): string {
  const known = all.filter((fact) => fact[1]) as [string, string][];
  return table([{}, { gives: true }], known, width);
}

const ITEM_COLUMNS = [
  { head: 'QUANTITY', align: 'right' },
  { head: 'AMOUNT', align: 'right' },
  { head: 'ITEM', gives: true },
] as const;

function itemRow({ quantity, description, amount_subtotal, currency }: LineItem): Cell[] {
  return [String(quantity ?? ''), amountOf(amount_subtotal, currency), description ?? ''];
}

function sumRow({ label, amount, currency }: Sum): Cell[] {
  return ['', amountOf(amount, currency), { text: label, style: 'dim' }];
}

function entryRow(entry: Entry, now: Date): Cell[] {
  return [momentOf(entry.at), { text: distanceOf(entry.at, now), style: 'dim' }, styled(entry)];
}

function styled(entry: Entry): Cell {
  const text = tell(entry);
  if (entry.kind === 'attempt_failed') return { text, style: entry.dead ? 'red' : 'yellow' };
  if (entry.kind === 'done') return { text, style: 'green' };
  return entry.kind === 'event' && entry.outcome === 'conflict' ? { text, style: 'red' } : text;
}

function adviceFor({ order: { id }, timeline }: WholeOrder): string | false {
  const dead = deadOf(timeline);
  if (dead.length === 0) return false;
  const again = `What to do: find the cause, then npm run ops -- retry ${id}`;
  const close = `npm run ops -- close ${id} --because …`;
  if (dead.includes('fulfillment')) return `${again}\nIf it was refunded, or fulfilled by hand: ${close}`;
  // Closing it ends all that it is owed.
  return owedOf(timeline).includes('fulfillment')
    ? again
    : `${again}\nIf the mail's address does not exist: ${close}`;
}

function showEvent(event: KeptEvent, now: Date, livemode: boolean, width: number | null): Report {
  const { payload, ...data } = event;
  const why = whyNoOrder(event, livemode);
  const title = styleText('bold', `Event ${event.id}: no order is about it`);
  const text = facts(
    [
      ['Type', event.type],
      ['Session', event.checkout_session_id],
      ['Account', event.account],
      ['Came in', `${momentOf(event.received_at)}, ${distanceOf(event.received_at, now)} (${zone})`],
      ['Payload', payload === null ? 'emptied' : 'kept'],
      ['Why', why],
    ],
    width,
  );
  return {
    ok: true,
    data: { event: { ...data, payload_kept: payload !== null }, why },
    text: `${title}\n\n${text}`,
  };
}

function whyNoOrder(event: KeptEvent, livemode: boolean): string {
  const why = whyIgnored(event, livemode);
  if (why !== null)
    return event.outcome === 'ignored' ? `it was ignored: ${why}` : 'its order is there no more';
  return `it asks for an order, and there is none: npm run ops -- replay ${event.id}`;
}
