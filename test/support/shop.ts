import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { startSurroundings } from './process.ts';
import { startTestService } from './service.ts';
import { lineItem } from './stripe-api.ts';
import { checkoutSession, events } from './stripe-events.ts';
import { until } from './until.ts';

/** A shop with everything around the service: a database, Stripe's API, a receiver, mails as files. */
export async function openShop(env: Record<string, string> = {}) {
  const { db, stripe, receiver, env: surroundings } = await startSurroundings();
  const shopEnv = { SHOP_NAME: 'Mugs & More', SHOP_URL: 'https://mugs.example' };
  const service = await startTestService({ ...surroundings, ...shopEnv, ...env });

  /** A customer's session as it stands at Stripe, with so many line items. */
  function checkout(overrides: Record<string, unknown> = {}, items = 2) {
    const session = checkoutSession(overrides);
    stripe.keep(
      session,
      Array.from({ length: items }, (_, n) => lineItem(n)),
    );
    return session;
  }

  async function rowsOf(sessionId: string) {
    const order = await db('orders').where({ checkout_session_id: sessionId }).first();
    const of = (table: string) => db(table).where({ order_id: order?.id ?? 0 });
    return {
      order,
      transitions: await of('order_transitions').orderBy('id'),
      lineItems: await of('order_line_items').orderBy('position'),
      fulfillments: await of('fulfillments'),
      notifications: await of('notifications'),
      events: await db('stripe_events').where({ checkout_session_id: sessionId }).orderBy('received_at'),
    };
  }

  /** Once nothing is owed any more: every fulfillment and mail of the order is done or dead. */
  function atRest(sessionId: string) {
    return until(`${sessionId} has come to rest`, async () => {
      const rows = await rowsOf(sessionId);
      const work = [...rows.fulfillments, ...rows.notifications];
      return work.length > 0 && work.every(({ status }) => status !== 'pending') && rows;
    });
  }

  /** An order that was paid, once nothing of it is owed any more. */
  async function paid(overrides: Record<string, unknown> = {}) {
    const session = checkout(overrides);
    const event = events.completedPaid(session);
    await service.deliver(event);
    return { session, event, ...(await atRest(session.id)) };
  }

  async function mails(): Promise<string[]> {
    const dir = path.join(service.dataDir, 'mail');
    const files = (await readdir(dir)).filter((file) => file.endsWith('.eml'));
    return Promise.all(files.toSorted().map((file) => readFile(path.join(dir, file), 'utf8')));
  }

  return { db, stripe, receiver, service, checkout, rowsOf, atRest, paid, mails };
}
