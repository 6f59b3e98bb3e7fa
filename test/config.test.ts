import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import dotenv from 'dotenv';
import { parseConfig, SANDBOX_WEBHOOK_SECRET } from '../src/config.ts';
import { SetupError } from '../src/errors.ts';
import { SECRET } from './support/stripe-events.ts';

const stripe = { STRIPE_SECRET_KEY: 'sk_test_123', STRIPE_WEBHOOK_SECRET: SECRET };
const receiver = { FULFILLMENT_URL: 'https://shop.example', FULFILLMENT_SECRET: 'whsec_c2VjcmV0' };

/** What a process says when it does not start: test/process/start has one that does. */
function refusal(env: Record<string, string>): string {
  try {
    parseConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(SetupError);
    const { message } = error as SetupError;
    expect(message).not.toContain('hunter2');
    return message;
  }
  throw new Error('it was taken');
}

const named = (message: string) => [...message.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name);

test('what the README has in place of secrets is refused', () => {
  const copied = { STRIPE_SECRET_KEY: 'sk_test_…', STRIPE_WEBHOOK_SECRET: 'whsec_…' };
  expect(named(refusal(copied))).toEqual(Object.keys(copied));
});

test('a copy of .env.example changes nothing: it names the defaults', () => {
  const set = { ...receiver, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' };
  const copy = dotenv.parse(readFileSync('.env.example'));
  expect(parseConfig({ ...copy, ...set })).toEqual(parseConfig(set));
});

test('it listens to this machine alone, and in production to all, unless it is told otherwise', () => {
  const production = { ...stripe, NODE_ENV: 'production', DATABASE_URL: 'postgres://shop@localhost/shop' };
  const hosts = [{}, production, { ...production, HOST: '::1' }].map((env) => parseConfig(env).http.host);
  expect(hosts).toEqual(['127.0.0.1', '0.0.0.0', '::1']);
});

test.each([
  [{}, 1],
  [{ OTEL_TRACES_SAMPLER: 'always_on', OTEL_TRACES_SAMPLER_ARG: '0.25' }, 1],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, 0],
  [{ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' }, 1],
  [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }, 0.25],
])('with %j this share of the traces is kept: %d', (env, ratio) => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://localhost:4318';
  expect(parseConfig({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT }).tracing).toEqual({ ratio });
});

test('a sandbox that sends mails has an address of its own, and of its name what may stand there', () => {
  const { mail } = parseConfig({ SMTP_URL: 'smtp://mail.example', SHOP_NAME: 'Mugs "R" \\Us' });
  expect(mail.from).toBe('"Mugs R Us" <shop@localhost>');
  expect(parseConfig({}).mail.from).toBe('"Your shop" <shop@localhost>');
});

test.each([
  ['PORT', 0, 65_535],
  ['DATABASE_POOL_MAX', 1, 1_000],
  ['FULFILLMENT_TIMEOUT_MS', 1, 25_000],
  ['FULFILLMENT_CONCURRENCY', 1, 1_000],
  ['FULFILLMENT_MAX_ATTEMPTS', 1, 100],
  ['OTEL_TRACES_SAMPLER_ARG', 0, 1],
  ['RETENTION_DAYS', 1, 36_500],
])('%s may be from %d to %d', (name, least, most) => {
  for (const taken of [least, most]) parseConfig({ [name]: String(taken) });
  for (const refused of [least - 1, most + 1])
    expect(named(refusal({ [name]: String(refused) }))).toEqual([name]);
});

test.each([
  ['STRIPE_SECRET_KEY', 'sk_test_1 hunter2'],
  ['STRIPE_SECRET_KEY', 'sk_test_'],
  ['STRIPE_WEBHOOK_SECRET', 'whsec_c2VjcmV0 hunter2'],
  ['OPS_TOKEN', 'hunter2 hunter2'],
  ['SHOP_URL', 'javascript:hunter2'],
])('a %s that can be none: %s', (name, value) => {
  expect(named(refusal({ [name]: value }))).toEqual([name]);
});

test.each([
  'https://hunter2@api.stripe.com',
  'https://api.stripe.com?hunter2',
  'https://api.stripe.com#hunter2',
])('a STRIPE_API_BASE of which a part would be dropped: %s', (STRIPE_API_BASE) => {
  expect(named(refusal({ STRIPE_API_BASE }))).toEqual(['STRIPE_API_BASE']);
});

test.each([
  'shop',
  'shop@',
  'Mugs <@shop.example>',
  'shop@ops@shop.example',
  "'shop@shop.example'",
  'shop@shop.example, ops@shop.example',
  'Mugs: Orders <shop@shop.example>',
])('a MAIL_FROM that is not one address: %s', (MAIL_FROM) => {
  expect(named(refusal({ MAIL_FROM }))).toEqual(['MAIL_FROM']);
});

test('an ALERT_MAIL to which no mail would go', () => {
  expect(named(refusal({ ALERT_MAIL: 'ops(night)@shop.example' }))).toEqual(['ALERT_MAIL']);
});

test('a live key and ALERT_MAIL, where mails would become files that nobody reads', () => {
  const live = { ...stripe, STRIPE_SECRET_KEY: 'sk_live_123', ALERT_MAIL: 'ops@shop.example' };
  expect(named(refusal(live))).toEqual(['SMTP_URL']);
});

test('a live key, but no secret of its endpoint: everyone knows the one that would be taken', () => {
  expect(named(refusal({ STRIPE_SECRET_KEY: 'sk_live_123' }))).toEqual(['STRIPE_WEBHOOK_SECRET']);
});

test('a receiver, but no secret to sign with: paid orders would be recorded as fulfilled, and nobody called', () => {
  const { FULFILLMENT_URL } = receiver;
  expect(named(refusal({ ...stripe, FULFILLMENT_URL }))).toEqual(['FULFILLMENT_SECRET']);
});

test('several secrets of endpoints, with blanks between them', () => {
  const { webhookSecrets } = parseConfig({ STRIPE_WEBHOOK_SECRET: `${SECRET} , whsec_other` }).stripe;
  expect(webhookSecrets).toEqual([SECRET, 'whsec_other']);
});

test('a live key and SMTP_URL, but no MAIL_FROM', () => {
  const live = { ...stripe, STRIPE_SECRET_KEY: 'sk_live_123', SMTP_URL: 'smtp://shop:hunter2@mail.example' };
  expect(named(refusal(live))).toEqual(['MAIL_FROM']);
});

test.each([
  'postgres://shop:hunter2@localhost:99999/shop',
  'postgres://shop:hunter2#@localhost/shop',
  'postgres://shop:hunter2@localhost/shop?sslrootcert=/hunter2',
  'postgres://shop:1/hunter2@localhost/shop',
  'postgres://shop:1@hunter2/2@localhost/shop',
  'postgres://shop:1?hunter2@localhost/shop?sslmode=disable',
  'postgres://shop:1@hunter2#2@localhost/shop',
  'postgres://shop@hunter2,localhost/shop',
])("a DATABASE_URL that can't be read: %s", (DATABASE_URL) => {
  expect(refusal({ DATABASE_URL })).toMatch(/^ {2}DATABASE_URL can't be read: /m);
});

test.each([
  'postgres://shop%40eu:hunter@2%2F@localhost/shop?application_name=shop@eu',
  'postgres:///shop?host=/tmp&user=shop@eu&password=hunter@2/',
])('an @ may stand where nothing else can be meant: %s', (url) => {
  expect(parseConfig({ DATABASE_URL: url }).database.url).toBe(url);
});

test.each([
  ['sslmode=require', 'sslmode=verify-full'],
  [
    'connect_timeout=9&sslmode=prefer&application_name=shop',
    'connect_timeout=9&sslmode=verify-full&application_name=shop',
  ],
  ['sslmode=verify-ca', 'sslmode=verify-full'],
  ['sslmode=no-verify', 'sslmode=no-verify'],
  ['sslmode=require&uselibpqcompat=true', 'sslmode=require&uselibpqcompat=true'],
])('what pg takes for verify-full, and warns of, is called so: %s', (given, taken) => {
  const url = 'postgres://shop@localhost/shop';
  expect(parseConfig({ DATABASE_URL: `${url}?${given}` }).database.url).toBe(`${url}?${taken}`);
});

test.each(['smtp://shop:hunter2#@mail.example:587', 'smtp://shop:1@hunter2/2@mail.example', 'smtp://'])(
  "an SMTP_URL that can't be read: %s",
  (SMTP_URL) => {
    expect(refusal({ SMTP_URL, MAIL_FROM: 'shop@mail.example' })).toMatch(/^ {2}SMTP_URL can't be read: /m);
  },
);

test('what is meant for the receiver under a name that nobody reads', () => {
  const meant = { FULFILMENT_URL: 'https://shop.example', FULFILMENT_SECRET: 'whsec_hunter2' };
  expect(named(refusal({ ...stripe, ...meant }))).toEqual(Object.keys(meant));
});

test.each(['sk_live_123', 'rk_live_123'])(
  'the secret that everyone knows, with a live key: %s',
  (STRIPE_SECRET_KEY) => {
    for (const secrets of [SANDBOX_WEBHOOK_SECRET, `${SECRET},${SANDBOX_WEBHOOK_SECRET}`])
      expect(named(refusal({ STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET: secrets }))).toEqual([
        'STRIPE_WEBHOOK_SECRET',
      ]);
    expect(parseConfig({ STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET: SECRET }).stripe.livemode).toBe(true);
  },
);

test('a receiver with a password in its address, or that may take as long as a lease', () => {
  const FULFILLMENT_URL = 'https://shop:hunter2@shop.example';
  const faulty = { ...stripe, ...receiver, FULFILLMENT_URL, FULFILLMENT_TIMEOUT_MS: '25001' };
  expect(named(refusal(faulty))).toEqual(['FULFILLMENT_URL', 'FULFILLMENT_TIMEOUT_MS']);
});

test.each(['hunter2-hunter2', 'whsec_', 'whsec_====', 'whsec_c2VjcmV0-hunter2', 'whsec_hunter2hunter2hun'])(
  'a receiver whose secret is cut off, or no base64: %s',
  (FULFILLMENT_SECRET) => {
    expect(refusal({ ...stripe, FULFILLMENT_SECRET })).toMatch(
      /^ {2}FULFILLMENT_SECRET must be whsec_ followed/m,
    );
  },
);

test.each(['prod', 'Production', '"production"'])('a NODE_ENV that nearly is production: %s', (NODE_ENV) => {
  expect(refusal({ ...stripe, NODE_ENV })).toMatch(/^ {2}NODE_ENV must be production/m);
});

test('blanks around production, which is meant all the same', () => {
  expect(named(refusal({ NODE_ENV: ' production\r' }))).toContain('DATABASE_URL');
});

test('blanks around a value are none of it', () => {
  const env = { ...stripe, PORT: '0', ROLE: 'web', HOST: '127.0.0.1', LOG_LEVEL: 'info' };
  const blanked = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, ` ${value}\r`]));
  expect(parseConfig(blanked)).toEqual(parseConfig(env));
});
