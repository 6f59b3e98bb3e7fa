import { text as bodyOf } from 'node:stream/consumers';
import { afterEach, expect, test } from '@jest/globals';
import { createEndpoint } from '../../src/ops/endpoint.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { answerJson } from '../support/http.ts';
import { ops } from '../support/ops.ts';
import { startStripeApi } from '../support/stripe-api.ts';

const stripe = await startStripeApi();
/** Neither a database nor a secret of the endpoint: it comes before both. */
const env = { NODE_ENV: 'production', STRIPE_SECRET_KEY: 'sk_live_123', STRIPE_API_BASE: stripe.url };
const url = 'https://pay.example.com/webhook';

const created: URLSearchParams[] = [];
afterEach(() => {
  created.length = 0;
  stripe.endpoints = [];
});
stripe.fault = (req, res) => {
  if (req.method !== 'POST') return false;
  void bodyOf(req).then((body) => {
    created.push(new URLSearchParams(body));
    answerJson(res, 200, { id: 'we_new', object: 'webhook_endpoint', url, secret: 'whsec_told_once' });
  });
  return true;
};
const command = (...args: string[]) => ops(env, 'endpoint', 'create', ...args);
const client = createStripe(env.STRIPE_SECRET_KEY, stripe.url);
const create = (url: string, { connect = false } = {}) => createEndpoint(client, url, { connect });

test('an endpoint is made with the three events and the version that the code knows, and its secret is told', async () => {
  const { code, stdout } = await command(url);
  expect([code, stdout]).toEqual([0, expect.stringContaining('\nSTRIPE_WEBHOOK_SECRET=whsec_told_once\n')]);
  expect(created.map((params) => Object.fromEntries(params))).toEqual([
    {
      url,
      'enabled_events[0]': 'checkout.session.completed',
      'enabled_events[1]': 'checkout.session.async_payment_succeeded',
      'enabled_events[2]': 'checkout.session.async_payment_failed',
      api_version: '2026-10-28.endive',
      description: 'checkout-fulfillment',
    },
  ]);
});

test('for a program, as JSON', async () => {
  const { code, stdout } = await command(url, '--json');
  expect([code, JSON.parse(stdout)]).toEqual([0, { id: 'we_new', url, secret: 'whsec_told_once' }]);
});

test('a second endpoint with an URL that has one is not made, unless that one is disabled', async () => {
  const existing = { id: 'we_old', object: 'webhook_endpoint', url, status: 'enabled' };
  stripe.endpoints = [existing];
  const { code, stderr } = await command(url);
  expect([code, stderr, created]).toEqual([1, expect.stringContaining('we_old delivers to'), []]);
  stripe.endpoints = [{ ...existing, status: 'disabled' }];
  expect(await create(url)).toMatchObject({ id: 'we_new' });
});

test('the URL that has one may be written otherwise; with another query it is another one', async () => {
  const existing = { id: 'we_old', object: 'webhook_endpoint', url, status: 'enabled' };
  stripe.endpoints = [{ ...existing, url: 'https://Pay.Example.com:443/webhook/' }];
  await expect(create(url)).rejects.toThrow('we_old delivers to');
  expect(created).toEqual([]);
  expect(await create(`${url}?version=endive`)).toMatchObject({ id: 'we_new' });
});

test('for connected accounts it is another one', async () => {
  const own = { id: 'we_own', object: 'webhook_endpoint', url, status: 'enabled', application: null };
  stripe.endpoints = [own];
  expect((await command(url, '--connect')).code).toBe(0);
  expect(created.map((params) => params.get('connect'))).toEqual(['true']);
  stripe.endpoints = [own, { ...own, id: 'we_connect', application: 'ca_123' }];
  await expect(create(url, { connect: true })).rejects.toThrow('we_connect delivers to');
  stripe.endpoints = stripe.endpoints.slice(1);
  expect(await create(url)).toMatchObject({ id: 'we_new' });
});

test.each(['http://pay.example.com/webhook', 'https://pay.example.com/', 'pay.example.com'])(
  '%s is bad usage',
  async (wrong) => {
    const { code, stderr } = await command(wrong);
    expect([code, stderr, created]).toEqual([2, expect.stringContaining('must begin with https://'), []]);
  },
);

test('the sandbox needs none', async () => {
  const { code, stdout, stderr } = await ops({}, 'endpoint', 'create', url, '--json');
  expect([code, stderr]).toEqual([1, expect.stringContaining('set STRIPE_SECRET_KEY first')]);
  expect(JSON.parse(stdout)).toEqual({ error: stderr.trim() });
});
