import { expect, test } from '@jest/globals';
import { parseConfig } from '../../../src/config.ts';
import { endpointChecks } from '../../../src/ops/doctor/endpoints.ts';
import { check } from '../../../src/ops/doctor/finding.ts';

const live = { STRIPE_SECRET_KEY: 'sk_live_1', STRIPE_WEBHOOK_SECRET: 'whsec_1' };
const URL = 'https://shop.example/webhook';

/** An endpoint as it should be, but for what is told. */
const endpoint = (overrides: Record<string, unknown> = {}) => ({
  url: URL,
  status: 'enabled',
  livemode: true,
  api_version: '2026-10-28.endive',
  application: null as string | null,
  enabled_events: [
    'checkout.session.completed',
    'checkout.session.async_payment_succeeded',
    'checkout.session.async_payment_failed',
    'charge.refunded',
  ],
  ...overrides,
});

const connect = endpoint({ application: 'ca_123' });

type Endpoint = ReturnType<typeof endpoint>;

async function verdicts(endpoints: readonly Endpoint[], env: Record<string, string> = live) {
  const findings = await check(endpointChecks, { endpoints, config: parseConfig(env) });
  return Object.fromEntries(findings.map(({ check: name, ...verdict }) => [name, verdict]));
}

test('one endpoint with the three events and our version is as it should be', async () => {
  const others = [endpoint({ url: 'https://shop.example/billing' })];
  expect(await verdicts([endpoint(), ...others])).toEqual({
    endpoint: { state: 'ok', message: `${URL} sends the three events` },
    'API version': { state: 'ok', message: expect.stringContaining('2026-10-28.endive') },
    'one endpoint a URL': { state: 'ok', message: expect.any(String) },
  });
});

test.each<[string, Endpoint[], string, string]>([
  ['none', [], 'wrong', 'no live endpoint is registered'],
  ['none of this path', [endpoint({ url: 'https://shop.example/webhooks' })], 'wrong', 'no live endpoint'],
  ['one of the other mode', [endpoint({ livemode: false })], 'wrong', 'no live endpoint is registered'],
  ['one that is disabled', [endpoint({ status: 'disabled' })], 'wrong', `${URL} is disabled`],
  ['all events', [endpoint({ enabled_events: ['*'] })], 'ok', 'sends the three events'],
  ['one for connected accounts', [connect], 'warning', 'those of your own account need another endpoint'],
  ['one for connected accounts beside one', [connect, endpoint()], 'ok', 'sends the three events'],
  [
    'two of the three events',
    [endpoint({ enabled_events: endpoint().enabled_events.slice(0, 2) })],
    'wrong',
    `${URL} does not send checkout.session.async_payment_failed: add`,
  ],
  [
    'one that is right beside one that is not',
    [endpoint(), endpoint({ url: 'https://test.example/WEBHOOK/', enabled_events: ['charge.refunded'] })],
    'warning',
    'https://test.example/WEBHOOK does not send',
  ],
])('registered: %s', async (_what, endpoints, state, words) => {
  expect((await verdicts(endpoints)).endpoint).toEqual({ state, message: expect.stringContaining(words) });
});

test('with a test key, `stripe listen` may stand for an endpoint; in production it may not', async () => {
  const key = { ...live, STRIPE_SECRET_KEY: 'sk_test_1' };
  expect((await verdicts([], key)).endpoint?.state).toBe('warning');
  const production = { ...key, NODE_ENV: 'production', DATABASE_URL: 'postgres://127.0.0.1/shop' };
  expect((await verdicts([], production)).endpoint?.state).toBe('wrong');
});

const ANOTHER = 'knows 2026-10-28.endive. docs/api-version.md says how one of that version takes its place';

test.each([
  ['of our line of releases', '2027-01-27.endive', 'ok', '2027-01-27.endive'],
  ['that is older', '2022-08-01', 'ok', '2022-08-01'],
  ['that is newer', '2027-03-31.fennel', 'warning', ANOTHER],
  ["that is the account's default", null, 'warning', ANOTHER],
])('an API version %s', async (_what, api_version, state, words) => {
  const verdict = (await verdicts([endpoint({ api_version })]))['API version'];
  expect(verdict).toEqual({ state, message: expect.stringContaining(words) });
});

test.each([
  ['none', []],
  ['one that is disabled', [endpoint({ status: 'disabled' })]],
])('no API version to look at: %s', async (_what, endpoints) => {
  expect((await verdicts(endpoints))['API version']?.state).toBe('not_checked');
});

test.each([
  ['one secret, which is one too few', 'whsec_1', 'wrong'],
  ['two secrets', 'whsec_1,whsec_2', 'warning'],
])('two endpoints on one URL and %s', async (_what, STRIPE_WEBHOOK_SECRET, state) => {
  const twice = [endpoint(), endpoint({ url: `${URL}?version=2` })];
  const env = { ...live, STRIPE_WEBHOOK_SECRET };
  expect((await verdicts(twice, env))['one endpoint a URL']).toEqual({
    state,
    message: expect.stringContaining(`2 endpoints deliver to ${URL}`),
  });
  const disabled = [endpoint(), endpoint({ status: 'disabled' })];
  expect((await verdicts(disabled, env))['one endpoint a URL']?.state).toBe('ok');
});

test.each([
  ['one secret, which is one too few', 'whsec_1', 'wrong'],
  ['two secrets', 'whsec_1,whsec_2', 'ok'],
])(
  'an endpoint for connected accounts on the same URL and %s',
  async (_what, STRIPE_WEBHOOK_SECRET, state) => {
    const env = { ...live, STRIPE_WEBHOOK_SECRET };
    const verdict = (await verdicts([endpoint(), connect], env))['one endpoint a URL'];
    expect(verdict).toEqual({
      state,
      message: expect.stringContaining("one of them connected accounts' events"),
    });
    expect(verdict?.message).not.toMatch(/delete/i);
  },
);

test('what a URL holds beyond its place is not repeated', async () => {
  const secretive = endpoint({
    url: 'https://shop:hunter2@shop.example/webhook?token=hunter2',
    api_version: null,
  });
  const said = JSON.stringify(await verdicts([secretive, secretive]));
  expect(said).toContain(URL);
  expect(said).not.toContain('hunter2');
});
