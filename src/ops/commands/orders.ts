import { Command, Option } from 'commander';
import { ageOf } from '../../age.ts';
import { typedOption } from '../../command-line.ts';
import { wholeNumber } from '../../shapes.ts';
import type { Describe, Report } from '../command.ts';
import { type OrderFilter, orderFilterShape, placeShape } from '../order-filter.ts';
import { type ListedOrder, listOrders, type Page } from '../orders.ts';
import { type Cell, type Style, table } from '../table.ts';
import { amountOf, stateOf } from '../words.ts';

const HELP = `
Examples:
  npm run ops -- orders --fulfillment stuck         (paid, and not fulfilled for 15 minutes, or dead)
  npm run ops -- orders --status awaiting_payment --until 7d
  npm run ops -- orders --email jenny@example.com
  npm run ops -- orders --amount "64.98 eur" --since 2026-11-01
  npm run -s ops -- orders --since 1d --json`;

/** A person reads a screen, a program whatever there is: one that took the first 20 orders for all missed the rest. */
const USUAL = 20;
const MOST = 1_000;

type Options = OrderFilter & { readonly limit?: number; readonly after?: string; readonly json?: true };

export const orders: Describe = (act) => {
  const command = new Command('orders').description('Lists orders, the newest first.');
  for (const [name, shape] of Object.entries(orderFilterShape().shape)) {
    command.addOption(
      new Option(`--${name} <${name}>`, shape.description).argParser(typedOption<unknown>(shape)),
    );
  }
  return command
    .option(
      '--limit <n>',
      `how many at most, up to ${MOST} (default: ${USUAL}; with --json ${MOST})`,
      typedOption(wholeNumber(1, MOST)),
    )
    .option('--after <place>', 'the page after the one that ended there', typedOption(placeShape))
    .addHelpText('after', HELP)
    .action(
      act(async ({ db, width }, { after, json, ...options }: Options): Promise<Report> => {
        const { limit = json ? MOST : USUAL, ...filter } = options;
        const page = await listOrders(db, filter, { limit, after: after ?? null });
        return { ok: true, data: page, text: tell(page, filter, width) };
      }),
    );
};

const COLUMNS = [
  { head: 'ORDER', align: 'right' },
  { head: 'STATE' },
  { head: 'AMOUNT', align: 'right' },
  { head: 'CUSTOMER', gives: true },
  { head: 'REFERENCE', gives: true },
  { head: 'AGE', align: 'right' },
  { head: 'WAITING', align: 'right' },
] as const;

function tell({ orders, next }: Page, filter: OrderFilter, width: number | null): string {
  if (orders.length === 0) {
    return Object.values(filter).some((value) => value !== undefined)
      ? 'No order is like that. With fewer filters there may be: npm run ops -- orders'
      : 'There are no orders yet. In the sandbox, npm run simulate -- paid makes one; npm run ops -- doctor says whether events come in.';
  }
  // Whoever asks for these wants to know why.
  const list = ['stuck', 'dead'].includes(filter.fulfillment ?? '')
    ? table(
        [...COLUMNS, { head: 'LAST ERROR', gives: true }],
        orders.map((order) => [...rowOf(order), order.last_error ?? '']),
        width,
      )
    : table(COLUMNS, orders.map(rowOf), width);
  return next === null ? list : `${list}\n\nThere are more: add --after ${next}`;
}

function rowOf(order: ListedOrder): Cell[] {
  return [
    String(order.id),
    { text: stateOf(order), style: styleOf(order) },
    amountOf(order.amount_total, order.currency),
    order.customer_email ?? '',
    order.client_reference_id ?? '',
    ageOf(order.age_seconds),
    order.waiting_seconds === null ? '' : ageOf(order.waiting_seconds),
  ];
}

function styleOf({ status, fulfillment_status }: ListedOrder): Style {
  if (fulfillment_status === 'dead') return 'red';
  if (fulfillment_status === 'pending') return 'yellow';
  return status === 'paid' ? 'green' : 'dim';
}
