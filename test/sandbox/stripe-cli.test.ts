import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type Stripe from 'stripe';
import { cartOf, checkoutOf } from '../../src/sandbox/carts.ts';
import { openEvents, type SessionEvent, sessionEvent } from '../../src/sandbox/events.ts';
import type { LoopbackServer } from '../../src/sandbox/loopback.ts';
import { sessionParams } from '../../src/sandbox/session-params.ts';
import { openSessions } from '../../src/sandbox/sessions.ts';
import { startStandIn } from '../../src/sandbox/stand-in.ts';
import { silent } from '../support/log.ts';
import { workDir } from '../support/process.ts';
import { stripe } from '../support/stripe-cli.ts';

const dir = path.join(workDir, 'sandbox');
let standIn: LoopbackServer;
beforeAll(async () => {
  standIn = await startStandIn({ dir, log: silent });
});
afterAll(() => standIn.close());

/** What Stripe's command line shows of an answer of the stand-in. */
async function answer<T>(...args: string[]): Promise<T> {
  return JSON.parse(await stripe(...args, '--api-base', standIn.url)) as T;
}

type Session = Stripe.Checkout.Session;
type List<T extends { id: string }> = Stripe.ApiList<T>;

/** Page after page as a person takes them, each from the last one's end. */
async function pagesOf(limit: number, ...command: string[]): Promise<string[][]> {
  const pages: string[][] = [];
  for (let more = true; more; ) {
    const last = pages.at(-1)?.at(-1);
    const after = last === undefined ? [] : ['--starting-after', last];
    const { data, has_more } = await answer<List<{ id: string }>>(
      ...command,
      '--limit',
      String(limit),
      ...after,
    );
    pages.push(data.map(({ id }) => id));
    more = has_more;
  }
  return pages;
}

/** A session with 30 line items, paid, and three events about it, a second apart. */
async function keepPaidSession() {
  const sessions = await openSessions(dir);
  const { session: open, lineItems } = await sessions.create(sessionParams.parse(checkoutOf(cartOf(29), 29)));
  const session = await sessions.payNow(open.id, cartOf(29).buyer);
  const types = [
    'checkout.session.completed',
    'checkout.session.async_payment_failed',
    'checkout.session.completed',
  ] as const;
  const events: SessionEvent[] = types.map((type, n) => ({
    ...sessionEvent(type, session),
    created: 1_790_000_000 + n,
    pending_webhooks: n === 2 ? 1 : 0,
  }));
  const files = await openEvents(dir);
  for (const event of events) await files.save(event.id, event);
  return { session, lineItems, events };
}

test('it creates a session, finds it, and lets it expire', async () => {
  const params = Object.entries({
    'line_items[0][price_data][currency]': 'eur',
    'line_items[0][price_data][unit_amount]': '1450',
    'line_items[0][price_data][product_data][name]': 'Blue mug & “saucer” [new]',
    'line_items[0][quantity]': '2',
    'metadata[channel]': 'terminal',
  }).flatMap(([name, value]) => ['-d', `${name}=${value}`]);
  const created = await answer<Session>(
    ...['checkout', 'sessions', 'create', '--mode', 'payment', '--customer-email', 'jenny@example.com'],
    ...['--success-url', 'https://shop.example.com/thanks?session_id={CHECKOUT_SESSION_ID}', ...params],
  );
  expect(created).toMatchObject({
    status: 'open',
    amount_total: 2900,
    currency: 'eur',
    customer_email: 'jenny@example.com',
    metadata: { channel: 'terminal' },
    success_url: 'https://shop.example.com/thanks?session_id={CHECKOUT_SESSION_ID}',
  });

  expect(await answer('checkout', 'sessions', 'retrieve', created.id)).toEqual(created);
  // By its prefix the command line knows what an id belongs to.
  expect(await answer('get', created.id, '--expand', 'line_items')).toMatchObject({
    line_items: { data: [{ description: 'Blue mug & “saucer” [new]', quantity: 2 }] },
  });
  expect(await answer('checkout', 'sessions', 'expire', created.id)).toEqual({
    ...created,
    status: 'expired',
  });
  const { data } = await answer<List<Session>>('checkout', 'sessions', 'list', '--status', 'expired');
  expect(data.map(({ id }) => id)).toContain(created.id);
});

test('it goes through line items and sessions page by page', async () => {
  const { session, lineItems } = await keepPaidSession();
  const ids = lineItems.map(({ id }) => id);
  const list = ['checkout', 'sessions', 'list_line_items', session.id];
  expect(await pagesOf(12, ...list)).toEqual([ids.slice(0, 12), ids.slice(12, 24), ids.slice(24)]);

  await keepPaidSession();
  const pages = await pagesOf(1, 'checkout', 'sessions', 'list', '--status', 'complete');
  expect(pages.flat()).toContain(session.id);
  expect(pages.flat()).toEqual(
    (await answer<List<Session>>('get', '/v1/checkout/sessions', '-d', 'status=complete')).data.map(
      ({ id }) => id,
    ),
  );
});

test('it lists events, page by page and by what they are', async () => {
  const { events } = await keepPaidSession();
  const [oldest, failed, newest] = events.map(({ id }) => id);
  // Those of other tests are of the same seconds.
  const own = async (...filters: string[]) =>
    (await pagesOf(100, 'events', 'list', ...filters)).flat().filter((id) => events.some((e) => e.id === id));

  expect(await answer('events', 'retrieve', oldest as string)).toEqual(events[0]);
  expect(await own()).toEqual([newest, failed, oldest]);
  const pages = await pagesOf(2, 'events', 'list');
  expect(pages.slice(0, -1).every((page) => page.length === 2)).toBe(true);
  expect(new Set(pages.flat()).size).toBe(pages.flat().length);
  expect(pages.flat().filter((id) => events.some((e) => e.id === id))).toEqual([newest, failed, oldest]);

  const completed = 'checkout.session.completed';
  expect(await own('--type', completed)).toEqual([newest, oldest]);
  expect(await own('--type', 'checkout.session.async_*')).toEqual([failed]);
  expect(await own('--type', 'checkout.session')).toEqual([]);
  expect(await own('--type', 'invoice.*')).toEqual([]);
  expect(await own('--types', completed, '--types', 'invoice.paid')).toEqual([newest, oldest]);
  expect(await own('--delivery-success=false')).toEqual([newest]);
  expect(await own('--created', '1790000001')).toEqual([failed]);
  expect(await own('-d', 'created[gte]=1790000001', '-d', 'created[lt]=1790000002')).toEqual([failed]);
  expect(await own('--ending-before', failed as string)).toEqual([newest]);
});

test('it plays a file of fixtures, whose later requests take their ids from the earlier answers', async () => {
  const item = (name: string, quantity: number) => ({
    price_data: { currency: 'usd', unit_amount: 990, product_data: { name } },
    quantity,
  });
  const fixtures = [
    {
      name: 'cart',
      path: '/v1/checkout/sessions',
      method: 'post',
      params: {
        mode: 'payment',
        line_items: [item('Mug', 2), item('Towel', 1)],
        success_url: 'https://shop.example.com/thanks',
        metadata: { from: 'fixtures' },
      },
    },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the command line fills it in
    { name: 'gone', path: '/v1/checkout/sessions/${cart:id}/expire', method: 'post' },
  ];
  const file = path.join(workDir, 'fixtures.json');
  await writeFile(file, JSON.stringify({ _meta: { template_version: 0 }, fixtures }));
  await stripe('fixtures', file, '--api-base', standIn.url);

  const { data } = await answer<List<Session>>('checkout', 'sessions', 'list', '--limit', '100');
  expect(data.filter(({ metadata }) => metadata?.from === 'fixtures')).toMatchObject([
    { status: 'expired', amount_total: 2970 },
  ]);
});

test('it shows what is refused', async () => {
  expect(await answer('events', 'retrieve', 'evt_unknown')).toMatchObject({
    error: { code: 'resource_missing', message: 'No such event: evt_unknown' },
  });
  expect(await answer('checkout', 'sessions', 'list', '--limit', '101')).toMatchObject({
    error: { param: 'limit' },
  });
});

const readme = readFileSync(path.join(import.meta.dirname, '../../README.md'), 'utf8');
const ofReadme = [...readme.matchAll(/^npx stripe (.+ --api-base) http:\S+$/gm)].map(([, line = '']) => line);

test('README shows how', () => {
  expect(ofReadme.length).toBeGreaterThan(1);
});

test.each(ofReadme)('stripe %s', async (line) => {
  await keepPaidSession();
  const { data } = JSON.parse(await stripe(...line.replaceAll("'", '').split(' '), standIn.url));
  expect(data).not.toEqual([]);
});
