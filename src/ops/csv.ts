import { pipeline } from 'node:stream/promises';
import { stringify } from 'csv-stringify';
import type { Response } from 'express';
import type { Knex } from '../db/knex.ts';
import { majorUnits } from '../notifications/money.ts';
import type { OrderFilter } from './order-filter.ts';
import { type ListedOrder, listOrders, type Page } from './orders.ts';

/** Orders of a statement: few enough that a delivery that comes meanwhile doesn't notice. */
const LIMIT = 500;

const COLUMNS = [
  'id',
  'created_at',
  'status',
  'fulfillment_status',
  'amount',
  'currency',
  'customer_email',
  'customer_name',
  'client_reference_id',
  'paid_at',
  'fulfilled_at',
  'attempts',
  'last_error',
  'checkout_session_id',
  'payment_intent_id',
  'livemode',
] as const satisfies readonly (keyof ReturnType<typeof rowOf>)[];

/**
 * All orders that the filter lets through as RFC 4180 has it, read page by page as fast as they are taken. It begins with a
 * byte order mark, without which Excel takes names for Latin-1; what a spreadsheet would run as a formula has a `'` before it.
 */
export async function sendCsv(res: Response, db: Knex, filter: OrderFilter): Promise<void> {
  // Before the answer begins, so that an error of the database still has a status of its own.
  const first = await listOrders(db, filter, { limit: LIMIT, after: null });
  res.attachment(`orders-${new Date().toISOString().slice(0, 10)}.csv`).type('text/csv');
  if (res.req.method === 'HEAD') return void res.end();
  const csv = stringify({
    header: true,
    columns: COLUMNS,
    cast: {
      date: (at) => at.toISOString(),
      boolean: String,
      // Where Windows separates lists by semicolons, as in much of Europe, Excel begins a cell after each of them, and after
      // each line: it takes no quote for the beginning of a cell that does not stand there, and drops two that do.
      string: (text) => text.replace(/([;\r\n]"*)(?=[=+@\t\r\uff0b\uff0d\uff1d\uff20-])/g, "$1'"),
    },
    bom: true,
    escape_formulas: true,
    record_delimiter: 'windows',
    // A lone line feed ends a row as well, for most who read it.
    quote_record_delimiter: true,
  });
  await pipeline(rowsFrom(first, db, filter), csv, res);
}

async function* rowsFrom(first: Page, db: Knex, filter: OrderFilter) {
  for (let page = first; ; page = await listOrders(db, filter, { limit: LIMIT, after: page.next })) {
    yield* page.orders.map(rowOf);
    if (page.next === null) return;
  }
}

/** In major units, as spreadsheets reckon, and so by the name that these have in the views for people. */
function rowOf(order: ListedOrder) {
  const { amount_total, currency } = order;
  const amount = amount_total === null || currency === null ? null : majorUnits(amount_total, currency);
  return { ...order, amount };
}
