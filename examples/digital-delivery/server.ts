import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import express from 'express';
import { Webhook } from 'standardwebhooks';
import { type Download, downloadOf, linkOf } from './links.ts';

const {
  PORT = '4300',
  FULFILLMENT_SECRET = '',
  LINK_SECRET = '',
  BOUGHT_DB = 'bought.sqlite',
  FILES = 'files',
} = process.env;
if (LINK_SECRET.length < 32) throw new Error('LINK_SECRET must have at least 32 characters');

const LINK_LASTS_MS = 24 * 60 * 60 * 1_000;
const webhook = new Webhook(FULFILLMENT_SECRET);
const db = new DatabaseSync(BOUGHT_DB, { timeout: 5_000 });
db.exec(`
  create table if not exists bought (
    checkout_session_id text not null, product_id text not null, description text,
    primary key (checkout_session_id, product_id))
`);
// The key makes a repeat do nothing: there is no effect but these rows.
const keep = db.prepare('insert or ignore into bought values (?, ?, ?)');
const boughtIn = db.prepare('select product_id, description from bought where checkout_session_id = ?');

interface OrderPaid {
  readonly data: {
    readonly order: { readonly checkout_session_id: string };
    readonly line_items: readonly {
      readonly product_id: string | null;
      readonly description: string | null;
    }[];
  };
}

const app = express();

app.post('/orders', express.raw({ type: 'application/json', limit: '10mb' }), (req, res) => {
  let event: OrderPaid;
  try {
    event = webhook.verify(req.body, req.headers as Record<string, string>) as OrderPaid;
  } catch {
    return void res.status(401).json({ error: 'the signature is wrong or too old' });
  }
  const { order, line_items } = event.data;
  for (const { product_id, description } of line_items) {
    if (product_id !== null) keep.run(order.checkout_session_id, product_id, description);
  }
  res.status(204).end();
});

/**
 * For the success page, and for "my downloads": fresh links for whoever knows the session, which Stripe tells the buyer
 * alone (success_url with {CHECKOUT_SESSION_ID}). Empty until the money is there.
 */
app.get('/downloads', (req, res) => {
  const session = String(req.query.session_id ?? '');
  const products = boughtIn.all(session) as { product_id: string; description: string | null }[];
  const expires = Date.now() + LINK_LASTS_MS;
  res.set('Cache-Control', 'no-store').json(
    products.map(({ product_id, description }) => ({
      description,
      url: `/download/${linkOf({ product: product_id, expires }, LINK_SECRET)}`,
    })),
  );
});

app.get('/download/:link', (req, res) => {
  const download: Download | null = downloadOf(req.params.link, LINK_SECRET, Date.now());
  if (download === null) return void res.status(403).json({ error: 'the link is wrong or too old' });
  const file = `${download.product}.zip`;
  res.set('Cache-Control', 'no-store').download(file, file, { root: FILES });
});

const server = app.listen(Number(PORT), '127.0.0.1', (error) => {
  if (error) throw error;
  const { port } = server.address() as AddressInfo;
  console.log(`receiving on http://127.0.0.1:${port}/orders`);
});
