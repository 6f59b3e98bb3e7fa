import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { Knex } from '../db/knex.ts';
import { majorUnits } from '../notifications/money.ts';
import type { OrderFilter } from './order-filter.ts';
import { type ListedOrder, listOrders } from './orders.ts';

/** Orders of a statement: few enough that a delivery that comes meanwhile doesn't notice. */
const PAGE = 500;

/**
 * All orders that the filter lets through as RFC 4180 has it, read page by page as fast as they are taken. It begins with a
 * byte order mark, without which Excel takes names for Latin-1; what a spreadsheet would run as a formula has a `'` before it.
 */
export function ordersAsCsv(db: Knex, filter: OrderFilter): Readable {
  const rows = Readable.from(rowsOf(db, filter));
  const csv = stringify({
    header: true,
    bom: true,
    escape_formulas: true,
    record_delimiter: 'windows',
    // A lone line feed ends a row as well, for most who read it.
    quote_record_delimiter: true,
  });
  rows.once('error', (error) => csv.destroy(error));
  csv.once('close', () => rows.destroy());
  return rows.pipe(csv);
}

async function* rowsOf(db: Knex, filter: OrderFilter) {
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof listOrders>> = await listOrders(db, filter, { limit: PAGE, after });
    yield* page.orders.map(rowOf);
    after = page.next;
  } while (after !== null);
}

function rowOf(order: ListedOrder) {
  const { amount_total, currency } = order;
  return {
    id: order.id,
    created_at: order.created_at.toISOString(),
    status: order.status,
    fulfillment_status: order.fulfillment_status,
    amount_total: amount_total === null || currency === null ? null : majorUnits(amount_total, currency),
    currency,
    customer_email: order.customer_email,
    customer_name: order.customer_name,
    client_reference_id: order.client_reference_id,
    paid_at: order.paid_at?.toISOString(),
    fulfilled_at: order.fulfilled_at?.toISOString(),
    attempts: order.attempts,
    last_error: order.last_error,
    checkout_session_id: order.checkout_session_id,
    payment_intent_id: order.payment_intent_id,
    livemode: String(order.livemode),
  };
}
