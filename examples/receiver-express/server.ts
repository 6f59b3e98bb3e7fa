import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import express from 'express';
import { Webhook } from 'standardwebhooks';

const { PORT = '4300', FULFILLMENT_SECRET = '', SHIPMENTS_DB = 'shipments.sqlite' } = process.env;
const webhook = new Webhook(FULFILLMENT_SECRET);

const db = new DatabaseSync(SHIPMENTS_DB, { timeout: 5_000 });
db.exec(`
  create table if not exists deliveries (webhook_id text primary key);
  create table if not exists shipments (
    id integer primary key, checkout_session_id text not null, description text, quantity integer);
`);
const remember = db.prepare('insert or ignore into deliveries (webhook_id) values (?)');
const ship = db.prepare(
  'insert into shipments (checkout_session_id, description, quantity) values (?, ?, ?)',
);

interface OrderPaid {
  readonly type: 'order.paid';
  readonly data: {
    readonly order: { readonly checkout_session_id: string };
    readonly line_items: readonly { readonly description: string | null; readonly quantity: number | null }[];
  };
}

/** What it does and that it was done are committed together: a repeat does nothing, a crash leaves nothing half done. */
function shipOnce(webhookId: string, { data: { order, line_items } }: OrderPaid): boolean {
  db.exec('begin immediate');
  try {
    const isNew = remember.run(webhookId).changes === 1;
    if (isNew) {
      for (const { description, quantity } of line_items)
        ship.run(order.checkout_session_id, description, quantity);
    }
    db.exec('commit');
    return isNew;
  } catch (error) {
    db.exec('rollback');
    throw error;
  }
}

const app = express();
// The signature is over the bytes as they came, so nothing parses them before it is verified.
app.post('/orders', express.raw({ type: 'application/json', limit: '10mb' }), (req, res) => {
  let event: OrderPaid;
  try {
    event = webhook.verify(req.body, req.headers as Record<string, string>) as OrderPaid;
  } catch {
    return void res.status(401).json({ error: 'the signature is wrong or too old' });
  }
  const isNew = shipOnce(String(req.headers['webhook-id']), event);
  console.log(`${event.data.order.checkout_session_id}: ${isNew ? 'shipped' : 'was shipped before'}`);
  res.status(204).end();
});

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  const { port } = server.address() as AddressInfo;
  console.log(`receiving on http://127.0.0.1:${port}/orders`);
});
