import { expect, test } from '@jest/globals';
import request from 'supertest';
import { openEvents } from '../../../src/sandbox/events.ts';
import { sessionParams } from '../../../src/sandbox/session-params.ts';
import { openSessions } from '../../../src/sandbox/sessions.ts';
import { createTestDatabase } from '../../support/database.ts';
import { FULFILLMENT_SECRET } from '../../support/receiver.ts';
import { sandboxEnv, startTestService } from '../../support/service.ts';

const { db, url: DATABASE_URL } = await createTestDatabase();
const sandbox = { ...sandboxEnv, DATABASE_URL };
const { url, dataDir } = await startTestService({ ...sandbox, OPS_TOKEN: 'a-token-of-the-shop' });
const everywhere = await startTestService({ ...sandbox, HOST: '::' });
const toReceiver = { FULFILLMENT_URL: 'http://127.0.0.1:1', FULFILLMENT_SECRET };
const withReceiver = await startTestService({ ...sandbox, ...toReceiver });
const others = [{ STRIPE_SECRET_KEY: 'sk_test_123' }, { STRIPE_API_BASE: 'http://127.0.0.1:1' }];
const withoutShop = await Promise.all(others.map((env) => startTestService({ ...sandbox, ...env })));

async function checkout(shop = request(url)): Promise<string> {
  const answer = await shop.post('/sandbox/checkout').type('form').send({ mug: '1' }).expect(303);
  return answer.headers.location as string;
}

const filledIn = {
  action: 'card',
  seen_total: '1450',
  name: 'Jenny',
  email: 'jenny@example.com',
  line1: 'Torstraße 12',
  postal_code: '10119',
  city: 'Berlin',
  country: 'DE',
};

const decide = (id: string, decision: 'pays' | 'declines') =>
  request(url).post(`/sandbox/orders/${id}/bank`).type('form').send({ decision }).expect(303);

test('there is no shop where Stripe is asked itself, nor where another address plays it', async () => {
  for (const { url } of withoutShop) await request(url).get('/sandbox').expect(404);
});

test('a form of another site is not taken', async () => {
  const post = () => request(url).post('/sandbox/checkout').type('form').send({ mug: '1' });
  await post().set('Origin', 'https://elsewhere.example').expect(403);
  await post().set('Origin', 'null').expect(403);
  await post().set('Sec-Fetch-Site', 'cross-site').expect(403);
  await post().set('Origin', url).set('Sec-Fetch-Site', 'same-origin').expect(303);
});

test('a page of another site that has given its name this address sees nothing', async () => {
  await request(url).get('/sandbox').set('Host', 'rebound.example').expect(403);
});

test('an empty basket is said to be empty', async () => {
  for (const body of [{}, { mug: '0' }, { mug: '-1' }, { mug: 'many' }, { sofa: '1' }]) {
    const answer = await request(url).post('/sandbox/checkout').type('form').send(body).expect(303);
    expect(answer.headers.location).toBe('/sandbox?empty');
  }
  expect((await request(url).get('/sandbox?empty')).text).toContain('The basket is empty');
});

test.each([
  { email: 'nobody' },
  { name: ' ' },
  { action: 'gold' },
  { trouble: 'earthquake' },
  { seen_total: 'x' },
])('what is not filled in as it must be is asked again: %j', async (fault) => {
  const page = await checkout();
  const answer = await request(url)
    .post(page)
    .type('form')
    .send({ ...filledIn, ...fault });
  expect(answer.text).toContain('Fill in every field');
  expect(await db('stripe_events')).toEqual([]);
});

test('a code is refused where the session allows none, though its page has no field for one', async () => {
  const sessions = await openSessions(`${dataDir}/sandbox`);
  const mug = { currency: 'eur', unit_amount: 1_450, product_data: { name: 'Mug' } };
  const { session } = await sessions.create(
    sessionParams.parse({
      mode: 'payment',
      success_url: `${url}/thanks`,
      line_items: [{ price_data: mug, quantity: 1 }],
    }),
  );
  const answer = await request(url)
    .post(`/sandbox/checkout/${session.id}`)
    .type('form')
    .send({ ...filledIn, code: 'FREE', seen_total: '0' })
    .expect(200);
  expect(answer.text).toContain('FREE is no code that this checkout takes.');
  expect((await sessions.find(session.id))?.session).toMatchObject({ status: 'open', amount_total: 1_450 });
});

test('an address is taken that the browser took', async () => {
  const form = { ...filledIn, email: 'jo@localhost' };
  await request(url)
    .post(await checkout())
    .type('form')
    .send(form)
    .expect(303);
});

test('a receiver that is not the sandbox’s own is not said to be down', async () => {
  const shownAt = async (url: string) =>
    (
      await request(url)
        .get(await checkout(request(url)))
        .expect(200)
    ).text;
  expect(await shownAt(url)).toContain('The receiver is down');
  expect(await shownAt(withReceiver.url)).not.toContain('The receiver is down');
});

test('a session is paid once, and then its pages lead to the order', async () => {
  const page = await checkout();
  const id = page.split('/').at(-1) as string;
  const pay = () => request(url).post(page).type('form').send(filledIn).expect(303);
  // The customer's page asks the service with the shop's token.
  expect((await pay()).headers.location).toBe(`/sandbox/thanks?session_id=${id}`);
  await request(url).get(`/sandbox/thanks?session_id=${id}`).expect(303);
  for (const again of [await pay(), await request(url).get(page)]) {
    expect(again.headers.location).toBe(`/sandbox/orders/${id}`);
  }
  const { text } = await request(url).get(`/sandbox/orders/${id}`).expect(200);
  expect(text).toContain('The service answered 200, paid');
  // A card's payment is nothing that a bank decides.
  await decide(id, 'declines');
  expect(await db('stripe_events').where({ checkout_session_id: id })).toHaveLength(1);
});

test('two clicks on Pay pay once, and the second is told of', async () => {
  const page = await checkout();
  const id = page.split('/').at(-1) as string;
  const pay = () => request(url).post(page).type('form').send(filledIn).expect(303);
  const answers = await Promise.all([pay(), pay()]);
  const [orders, thanks] = answers.map(({ headers }) => headers.location).sort();
  expect([orders, thanks]).toEqual([`/sandbox/orders/${id}`, `/sandbox/thanks?session_id=${id}`]);
  expect(await db('stripe_events').where({ checkout_session_id: id })).toHaveLength(1);
  expect((await request(url).get(`/sandbox/orders/${id}`)).text).toContain(
    'pressed Pay again, but the session is complete',
  );
});

test('the success page is let in as well where HOST is :: and the browser comes by IPv4', async () => {
  const shop = request(`http://127.0.0.1:${new URL(everywhere.url).port}`);
  const page = await checkout(shop);
  const { headers } = await shop.post(page).type('form').send(filledIn).expect(303);
  const landed = await shop.get(headers.location as string).expect(303);
  expect((await shop.get(landed.headers.location as string)).text).toContain(
    'The service answered 200, paid',
  );
});

test('a session that expired before it was paid is nothing that the bank decides', async () => {
  const page = await checkout();
  const id = page.split('/').at(-1) as string;
  await (await openSessions(`${dataDir}/sandbox`)).expire(id);
  const { headers } = await request(url).post(page).type('form').send(filledIn).expect(303);
  const { text } = await request(url).get(headers.location as string);
  expect(text).toContain('Nothing was paid');
  expect(text).not.toContain('The bank');
});

test('the bank decides once', async () => {
  const page = await checkout();
  const id = page.split('/').at(-1) as string;
  const debit = { ...filledIn, action: 'bank' };
  await request(url).post(page).type('form').send(debit).expect(303);
  await decide(id, 'declines');
  await decide(id, 'pays');
  expect(await db('orders').where({ checkout_session_id: id }).first()).toMatchObject({ status: 'failed' });
  expect(await db('stripe_events').where({ checkout_session_id: id })).toHaveLength(2);
});

test('an event that is held until the bank has spoken is one that the stand-in has: a restart forgets the holding alone', async () => {
  const page = await checkout();
  const id = page.split('/').at(-1) as string;
  const debit = { ...filledIn, action: 'bank', trouble: 'shuffle' };
  await request(url).post(page).type('form').send(debit).expect(303);
  const events = (await (await openEvents(`${dataDir}/sandbox`)).all()).filter(
    ({ data }) => data.object.id === id,
  );
  expect(events).toMatchObject([{ type: 'checkout.session.completed', pending_webhooks: 1 }]);
  expect(await db('stripe_events').where({ checkout_session_id: id })).toEqual([]);
});

test('a mail is shown without anything that runs or is loaded', async () => {
  const page = await checkout();
  await request(url).post(page).type('form').send(filledIn).expect(303);
  const answer = await request(url)
    .get(`${page.replace('checkout', 'orders')}/mails/order_paid`)
    .expect(200);
  expect(answer.text).toContain('Thank you for your order');
  expect(answer.headers['content-security-policy']).toBe(
    "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  );
});

test('what is not there is said on a page', async () => {
  for (const path of [
    '/nothing',
    '/checkout/cs_test_a1',
    '/orders/cs_test_..',
    '/orders/cs_test_a1/mails/order_paid',
    '/orders/cs_test_%00/mails/order_paid',
    '/thanks',
  ]) {
    expect((await request(url).get(`/sandbox${path}`).expect(404)).text).toContain('<h1>Not found</h1>');
  }
});

test('what can not be read is not answered as if it could be taken later', async () => {
  const post = request(url).post('/sandbox/checkout').type('form');
  for (const answer of [
    await post.send({ mug: '1'.repeat(21_000) }),
    await request(url).get('/sandbox/orders/%ff'),
  ]) {
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('<h1>Not understood</h1>')]);
  }
});
