import type { Knex } from '../db/knex.ts';
import type { MailKind } from '../notifications/notify.ts';
import type { Order } from '../orders/order.ts';

interface OwedWork {
  readonly status: string;
  readonly attempts: number;
  readonly last_error: string | null;
}

/** What became of a checkout session, as the database has it. */
export interface SessionOutcome
  extends Pick<Order, 'checkout_session_id' | 'status' | 'payment_status' | 'customer_name'> {
  readonly order_id: number;
  readonly line_items: number;
  readonly fulfillments: readonly OwedWork[];
  readonly mails: readonly (OwedWork & { readonly kind: MailKind })[];
}

/** Of those sessions that have an order, in no order of their own. */
export async function findOutcomes(db: Knex, sessionIds: readonly string[]): Promise<SessionOutcome[]> {
  const { rows } = await db.raw<{ rows: SessionOutcome[] }>(
    `select checkout_session_id, id as order_id, status, payment_status, customer_name,
       (select count(*) from order_line_items where order_id = orders.id) as line_items,
       (select coalesce(json_agg(f), '[]') from fulfillments f where f.order_id = orders.id) as fulfillments,
       (select coalesce(json_agg(n order by n.id), '[]') from notifications n where n.order_id = orders.id) as mails
     from orders where checkout_session_id = any(:sessionIds)`,
    { sessionIds },
  );
  return rows;
}

/** Nothing more will happen to the order by itself. */
export function isAtRest({ fulfillments, mails }: SessionOutcome): boolean {
  const work = [...fulfillments, ...mails];
  return work.length > 0 && work.every(({ status }) => status !== 'pending');
}

interface Promised {
  readonly status: 'paid' | 'failed';
  readonly lineItems: number;
}

/** What is not as it was promised; nothing, when all is well. */
export function faultsOf({ status, lineItems }: Promised, outcome: SessionOutcome | undefined): string[] {
  if (outcome === undefined) {
    return ['there is no order: does the service use the same database as this command?'];
  }
  const promised =
    status === 'paid'
      ? { line_items: lineItems, fulfillments: 'fulfilled', mails: 'order_paid sent' }
      : { line_items: 0, fulfillments: 'none', mails: 'payment_failed sent' };
  const found = {
    line_items: outcome.line_items,
    fulfillments: describe(outcome.fulfillments, (work) => work.status),
    mails: describe(outcome.mails, (mail) => `${mail.kind} ${mail.status}`),
  };
  return [
    outcome.status !== status && `the order is ${outcome.status}, not ${status}`,
    found.line_items !== promised.line_items &&
      `it has ${found.line_items} line items, not ${promised.line_items}`,
    found.fulfillments !== promised.fulfillments &&
      `fulfillment: ${found.fulfillments}, not ${promised.fulfillments}`,
    found.mails !== promised.mails && `mail: ${found.mails}, not ${promised.mails}`,
  ].filter((fault) => fault !== false);
}

function describe<Work extends OwedWork>(works: readonly Work[], nameOf: (work: Work) => string): string {
  const parts = works.map((work) => nameOf(work) + (work.last_error === null ? '' : ` (${work.last_error})`));
  return parts.join(' and ') || 'none';
}
