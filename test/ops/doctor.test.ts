import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config.ts';
import type { Report } from '../../src/ops/command.ts';
import { reportOf } from '../../src/ops/commands/doctor.ts';
import { examine } from '../../src/ops/doctor/examine.ts';
import type { Finding } from '../../src/ops/doctor/finding.ts';
import { createTestDatabase } from '../support/database.ts';
import { answerJson, closedUrl, serve } from '../support/http.ts';
import { listen } from '../support/listen.ts';
import { newId } from '../support/new-id.ts';
import { ops } from '../support/ops.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { startPooler } from '../support/pooler.ts';
import { spawnService, untilReady, workDir } from '../support/process.ts';
import { FULFILLMENT_SECRET } from '../support/receiver.ts';
import { serveMail } from '../support/smtp.ts';
import { startStripeApi } from '../support/stripe-api.ts';
import { serveTls, trustTls } from '../support/tls.ts';

const { db, url: DATABASE_URL } = await createTestDatabase();
const empty = await createTestDatabase({ migrated: false });
const pooler = await startPooler(DATABASE_URL);
const stripe = await startStripeApi();

/** What those that the service speaks to have heard. */
const heard: string[] = [];
const backend = await serve(({ url }) => heard.push(`backend: ${url}`));
const secured = await serveTls(() => heard.push('backend over TLS'));
const silent = await listen(createServer());
const chat = await serve(({ url }) => heard.push(`chat: ${url}`));
const mail = await serveMail({
  allowInsecureAuth: true,
  onAuth({ password }, _session, done) {
    if (password !== 'hunter2') return done(new Error('no hunter2'));
    done(null, { user: 'shop' });
  },
  onMailFrom(_address, _session, done) {
    heard.push('mail');
    done();
  },
});

/** A shop that is live, with nothing wrong about it. */
const env = {
  NODE_ENV: 'production',
  DATABASE_URL,
  STRIPE_API_BASE: stripe.url,
  STRIPE_SECRET_KEY: 'sk_live_hunter2',
  STRIPE_WEBHOOK_SECRET: 'whsec_hunter2',
  FULFILLMENT_URL: `${backend}/orders?token=hunter2`,
  FULFILLMENT_SECRET,
  SMTP_URL: `smtp://shop:hunter2@${mail.host}`,
  MAIL_FROM: 'shop@shop.example',
  ALERT_MAIL: 'ops@shop.example',
  ALERT_WEBHOOK_URL: `${chat}/hunter2`,
  OPS_TOKEN: 'hunter2-hunter2-hunter2',
};
const testing = { ...env, STRIPE_SECRET_KEY: 'rk_test_hunter2' };

beforeEach(async () => {
  await db.raw('truncate stripe_events, orders, alerts cascade');
  stripe.endpoints = [
    {
      id: 'we_1',
      object: 'webhook_endpoint',
      url: 'https://shop.example/webhook',
      status: 'enabled',
      livemode: true,
      api_version: null,
      enabled_events: ['*'],
    },
  ];
});

afterEach(() => {
  stripe.fault = () => false;
});

/** In this process, which takes a tenth of the time. */
async function doctor(env: Record<string, string>) {
  return told(reportOf(await examine(() => parseConfig(env))));
}

/** As a program has it, in a process that knows nothing else. */
async function doctorAlone(env: Record<string, string>) {
  const { code, stdout, stderr } = await ops(env, 'doctor', '--json');
  expect(stderr).toBe('');
  return told({ ok: code === 0, data: JSON.parse(stdout) });
}

function told({ ok, data }: Pick<Report, 'ok' | 'data'>) {
  const findings = data as Finding[];
  expect(JSON.stringify(findings)).not.toContain('hunter2');
  const unlike = (...states: string[]) =>
    Object.fromEntries(
      findings
        .filter(({ state }) => !states.includes(state))
        .map(({ check, state, message }) => [check, `${state}: ${message}`]),
    );
  return { ok, findings, unlike };
}

const said = (words: string) => expect.stringContaining(words);

/** A live order, paid so many minutes ago, and its fulfilment. */
async function orderWith(status: string, { minutes = 0, livemode = true } = {}): Promise<number> {
  const paid_at = db.raw(`now() - ? * interval '1 minute'`, [minutes]);
  const { id } = await insertOrder(db, { livemode, paid_at });
  await insertFulfillment(db, id, { status });
  return id;
}

test('where nothing is wrong, a line each says so, and a warning is no failure', async () => {
  await orderWith('fulfilled');
  await orderWith('pending', { minutes: 14 });
  const { code, stdout, stderr } = await ops(env, 'doctor');
  expect([code, stderr]).toEqual([0, '']);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.filter((line) => !line.startsWith('✓ '))).toEqual([
    said("! API version: https://shop.example/webhook sends the account's default version"),
  ]);
  expect(lines.map((line) => /^\S (.+?): /.exec(line)?.[1])).toEqual([
    'configuration',
    'receiver',
    'mail',
    'who is told',
    'ops token',
    'webhook secret',
    'fulfillment secret',
    'database',
    'migrations',
    'rights',
    "the database's clock",
    'time limits',
    'connections',
    'live and test',
    'dead work',
    'waiting orders',
    'alerts',
    'Stripe',
    "Stripe's clock",
    "Stripe's events",
    'endpoint',
    'API version',
    'one endpoint a URL',
  ]);
});

describe('those to whom it speaks', () => {
  test('are reached, and hear nothing', async () => {
    const { unlike } = await doctor(env);
    expect(unlike('ok', 'warning')).toEqual({});
    expect(heard).toEqual([]);
  });

  test('are not there', async () => {
    const away = new URL(await closedUrl());
    const { ok, unlike } = await doctor({
      ...env,
      FULFILLMENT_URL: `${away}orders?token=hunter2`,
      SMTP_URL: `smtp://shop:hunter2@${away.host}`,
      ALERT_WEBHOOK_URL: `${away}hunter2`,
    });
    expect([ok, unlike('ok', 'warning')]).toEqual([
      false,
      {
        receiver: expect.stringMatching(/^wrong: FULFILLMENT_URL can not be reached: .*ECONNREFUSED/),
        mail: expect.stringMatching(/^wrong: SMTP_URL can not be used: .*ECONNREFUSED/),
        'who is told': expect.stringMatching(/^wrong: ALERT_WEBHOOK_URL can not be reached: .*ECONNREFUSED/),
      },
    ]);
  });

  test('do not answer: that is known after five seconds', async () => {
    const { unlike } = await doctor({ ...env, FULFILLMENT_URL: `https://127.0.0.1:${silent}` });
    expect(unlike('ok', 'warning')).toEqual({ receiver: said('timeout of 5000 ms') });
  });

  test('refuse the password', async () => {
    const { ok, unlike } = await doctor({ ...env, SMTP_URL: `smtp://shop:hunter3@${mail.host}` });
    expect([ok, unlike('ok', 'warning')]).toEqual([
      false,
      { mail: 'wrong: SMTP_URL can not be used: the server answered 535' },
    ]);
  });

  test('greet with what would steer the terminal', async () => {
    const steering = await listen(createServer((socket) => socket.end('\u001b]0;hello\u0007 \u009b2J\r\n')));
    const { code, stdout } = await ops({ ...env, SMTP_URL: `smtp://127.0.0.1:${steering}` }, 'doctor');
    expect([code, stdout]).toEqual([1, said('mail: SMTP_URL can not be used: Invalid greeting')]);
    for (const steers of ['\u001b', '\u0007', '\u009b', '\r']) expect(stdout).not.toContain(steers);
  });

  test('have a certificate that is not trusted, or one that is', async () => {
    const FULFILLMENT_URL = `${secured}/orders`;
    const untrusted = await doctor({ ...env, FULFILLMENT_URL });
    expect(untrusted.unlike('ok', 'warning')).toEqual({ receiver: said('self-signed certificate') });
    using _ = trustTls();
    const trusted = await doctor({ ...env, FULFILLMENT_URL });
    expect(trusted.unlike('ok', 'warning')).toEqual({});
    expect(heard).toEqual([]);
  });
});

describe('the configuration', () => {
  test('has faults: they stand in one line, and nothing else can be asked', async () => {
    const { ok, findings } = await doctorAlone({ NODE_ENV: 'production', PORT: 'hunter2' });
    expect([ok, findings]).toEqual([
      false,
      [
        {
          check: 'configuration',
          state: 'wrong',
          message: expect.stringMatching(/^.*PORT.*; DATABASE_URL.*$/),
        },
      ],
    ]);
  });

  test('lacks what a live shop needs: warnings', async () => {
    const { FULFILLMENT_URL, SMTP_URL, ALERT_MAIL, ALERT_WEBHOOK_URL, OPS_TOKEN, ...bare } = env;
    const { ok, unlike } = await doctor(bare);
    expect([ok, unlike('ok')]).toMatchObject([
      true,
      {
        receiver: said('warning: FULFILLMENT_URL is not set'),
        mail: said('warning: SMTP_URL is not set'),
        'who is told': said('warning: neither ALERT_WEBHOOK_URL nor ALERT_MAIL is set'),
        'ops token': said('warning: OPS_TOKEN is not set'),
      },
    ]);
  });

  test('is guarded by a token that may be guessed', async () => {
    const { ok, unlike } = await doctor({ ...env, OPS_TOKEN: 'fifteen-hunter2' });
    expect([ok, unlike('ok')]).toMatchObject([
      true,
      { 'ops token': said('warning: OPS_TOKEN has less than 16') },
    ]);
  });

  test.each([
    ['23 bytes', 'whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjI='],
    ['65 bytes', `whsec_${Buffer.alloc(65, 'hunter2').toString('base64')}`],
  ])(
    'signs with a key of a length that Standard Webhooks does not know: %s',
    async (_length, FULFILLMENT_SECRET) => {
      const { ok, unlike } = await doctor({ ...env, FULFILLMENT_SECRET });
      expect([ok, unlike('ok')]).toMatchObject([
        true,
        { 'fulfillment secret': said('warning: FULFILLMENT_SECRET has less than 24 bytes') },
      ]);
    },
  );

  test('has no server for mails, and nowhere to write them', async () => {
    const { SMTP_URL: _, ALERT_MAIL: __, ...bare } = env;
    const data = path.join(workDir, '.data');
    await rm(data, { recursive: true, force: true });
    await writeFile(data, '');
    const { ok, unlike } = await doctorAlone(bare);
    await rm(data);
    expect([ok, unlike('ok', 'warning')]).toEqual([
      false,
      { mail: expect.stringMatching(/^wrong: SMTP_URL is not set, and mails can't be written to files: E/) },
    ]);
  });

  test('has the secret that everyone knows beside a key', async () => {
    const { ok, unlike } = await doctor({
      DATABASE_URL,
      STRIPE_API_BASE: stripe.url,
      STRIPE_SECRET_KEY: 'sk_test_hunter2',
    });
    expect([ok, unlike('ok', 'warning', 'not_checked')]).toEqual([
      false,
      { 'webhook secret': said('set STRIPE_WEBHOOK_SECRET') },
    ]);
  });

  test.each(['we_hunter2', '"whsec_hunter2"', 'whsec_hunter2,sk_live_hunter2'])(
    'has no secret of an endpoint: %s',
    async (STRIPE_WEBHOOK_SECRET) => {
      const { ok, unlike } = await doctor({ ...env, STRIPE_WEBHOOK_SECRET });
      expect([ok, unlike('ok')]).toMatchObject([
        true,
        { 'webhook secret': said('warning: STRIPE_WEBHOOK_SECRET holds what') },
      ]);
    },
  );

  test('is the sandbox: Stripe is not asked', async () => {
    const { ok, findings, unlike } = await doctor({ DATABASE_URL });
    expect([ok, unlike('ok', 'not_checked')]).toEqual([true, {}]);
    expect(findings.slice(-6).map(({ state, message }) => `${state}: ${message}`)).toEqual(
      Array(6).fill('not_checked: sandbox'),
    );
  });
});

describe('the database', () => {
  test('can not be reached: what it would be asked is left out, Stripe is not', async () => {
    const { ok, findings, unlike } = await doctor({
      ...env,
      DATABASE_URL: 'postgres://shop:hunter2@127.0.0.1:1/x',
    });
    expect([ok, unlike('ok', 'warning', 'not_checked')]).toEqual([false, { database: said('ECONNREFUSED') }]);
    expect(findings.filter(({ state }) => state === 'not_checked').map(({ check }) => check)).toEqual([
      'migrations',
      'rights',
      "the database's clock",
      'time limits',
      'connections',
      'live and test',
      'dead work',
      'waiting orders',
      'alerts',
    ]);
  });

  test('lacks migrations: what needs its tables is left out', async () => {
    const { ok, unlike } = await doctor({ ...env, DATABASE_URL: empty.url });
    const missing = 'not_checked: its tables are not there yet';
    expect([ok, unlike('ok', 'warning')]).toEqual([
      false,
      {
        migrations: said('npm run migrate'),
        rights: missing,
        'live and test': missing,
        'dead work': missing,
        'waiting orders': missing,
        alerts: missing,
      },
    ]);
  });

  test('lacks a table though every migration is there, as after half a restore', async () => {
    await db.raw('alter table notifications rename to left_out');
    try {
      const { ok, unlike } = await doctor(env);
      const missing = said('wrong: relation "notifications" does not exist');
      expect([ok, unlike('ok', 'warning')]).toEqual([false, { 'dead work': missing }]);
    } finally {
      await db.raw('alter table left_out rename to notifications');
    }
  });

  test('takes no changes, as a standby does', async () => {
    const url = new URL(DATABASE_URL);
    url.searchParams.set('options', '-c default_transaction_read_only=on');
    const { ok, unlike } = await doctor({ ...env, DATABASE_URL: url.href });
    expect([ok, unlike('ok', 'warning')]).toEqual([false, { database: said('wrong: PostgreSQL') }]);
  });

  test('grants fewer connections than the pool may open', async () => {
    const database = new URL(DATABASE_URL).pathname.slice(1);
    await db.raw('alter database :database: connection limit 9', { database });
    try {
      const { ok, unlike } = await doctor(env);
      expect([ok, unlike('ok')]).toMatchObject([
        true,
        { connections: said('warning: PostgreSQL grants 9, ') },
      ]);
    } finally {
      await db.raw('alter database :database: connection limit -1', { database });
    }
  });

  test('grants the role that logs in fewer than the one as which it works', async () => {
    const role = newId('service');
    const url = new URL(DATABASE_URL);
    const { username: superuser } = url;
    url.username = role;
    url.password = 'hunter2';
    await db.raw(`create role :role: login password 'hunter2' in role :superuser:`, { role, superuser });
    await db.raw('alter role :role: set role = :superuser:', { role, superuser });
    const granted = async (poolMax: number) => {
      const { unlike } = await doctor({ ...env, DATABASE_URL: url.href, DATABASE_POOL_MAX: String(poolMax) });
      return unlike('ok').connections;
    };
    try {
      const { rows } = await db.raw(
        `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as most`,
      );
      const [{ most }] = rows;
      expect(await granted(most)).toBeUndefined();
      expect(await granted(most + 1)).toMatch(`warning: PostgreSQL grants ${most}, `);
      await db.raw('alter role :role: connection limit 9', { role });
      expect(await granted(10)).toMatch('warning: PostgreSQL grants 9, ');
    } finally {
      await db.raw('drop role :role:', { role });
    }
  });

  test('denies the role what it needs', async () => {
    // Roles belong to the server, which is kept: one that a killed run has left is in nobody's way.
    const role = newId('service');
    const url = new URL(DATABASE_URL);
    url.username = role;
    url.password = 'hunter2';
    await db.raw(`create role :role: login password 'hunter2'`, { role });
    try {
      await db.raw('grant select, insert, update, delete on all tables in schema public to :role:', { role });
      // Who migrates is another role then.
      await db.raw('revoke insert, update, delete on knex_migrations from :role:', { role });
      await db.raw('revoke insert, delete on knex_migrations_lock from :role:', { role });
      const { unlike } = await doctor({ ...env, DATABASE_URL: url.href });
      expect(unlike('ok', 'warning')).toEqual({});
      await using service = await spawnService({ ...testing, NODE_ENV: 'test', DATABASE_URL: url.href });
      await untilReady(service.url);

      await db.raw('revoke insert, update on stripe_events from :role:', { role });
      await db.raw('revoke execute on function record_news from public');
      const { ok, unlike: unlikeNow } = await doctor({ ...env, DATABASE_URL: url.href });
      expect([ok, unlikeNow('ok', 'warning')]).toEqual([
        false,
        { rights: said('lacks execute on record_news; insert, update on stripe_events. Grant it') },
      ]);
    } finally {
      await db.raw('grant execute on function record_news to public');
      await db.raw('drop owned by :role:', { role });
      await db.raw('drop role :role:', { role });
    }
  });

  test("lets the roles of Supabase's Data API read a view, whose tables they may not", async () => {
    // By this name, since it is Supabase's: on a server that is kept, one that a killed run has left may be there.
    await db.raw(`do $$ begin create role anon; exception when duplicate_object then null; end $$`);
    try {
      expect((await doctor(env)).unlike('ok', 'warning')).toEqual({});
      await db.raw('grant select on orders_overview to anon');
      const { ok, unlike } = await doctor(env);
      expect([ok, unlike('ok', 'warning')]).toEqual([
        false,
        { rights: said('anon may read tables or views') },
      ]);
    } finally {
      await db.raw('drop owned by anon');
      await db.raw('drop role anon');
    }
  });

  test('is behind a pooler and knows no limits', async () => {
    const { ok, unlike } = await doctor({ ...env, DATABASE_URL: pooler.url });
    expect([ok, unlike('ok')]).toMatchObject([true, { 'time limits': said('warning: a pooler') }]);
  });
});

describe('a clock', () => {
  test("of this machine that is an hour fast is neither the database's nor Stripe's", async () => {
    const fast = 'data:text/javascript,const%20now=Date.now;Date.now=()=>now()+3600e3';
    const { ok, unlike } = await doctorAlone({ ...env, NODE_OPTIONS: `--import=${fast}` });
    expect([ok, unlike('ok', 'warning')]).toEqual([
      false,
      {
        "the database's clock": expect.stringMatching(/^wrong: .* 3[56]\d\d s ahead/),
        "Stripe's clock": expect.stringMatching(/^wrong: .* 3[56]\d\d s ahead/),
      },
    ]);
  });

  test("that Stripe's answer tells", async () => {
    stripe.fault = (_req, res) => {
      res.setHeader('date', new Date(Date.now() + 100_000).toUTCString());
      return false;
    };
    const { ok, unlike } = await doctor(env);
    expect([ok, unlike('ok')["Stripe's clock"]]).toEqual([
      true,
      expect.stringMatching(/^warning: .* \d+ s behind/),
    ]);
  });
});

describe('live and test', () => {
  test.each<[string, Record<string, string>, boolean, boolean, string]>([
    ['live orders without a live key', testing, true, false, 'wrong: live orders'],
    ['test orders beside a live key', env, false, true, 'warning: test orders'],
  ])('%s', async (_what, given, livemode, sound, words) => {
    stripe.endpoints = stripe.endpoints.map((endpoint) => ({ ...endpoint, livemode: given === env }));
    await orderWith('fulfilled', { livemode });
    const { ok, unlike } = await doctor(given);
    expect([ok, unlike('ok')]).toMatchObject([sound, { 'live and test': said(words) }]);
  });

  test('events of the other mode', async () => {
    await db('stripe_events').insert({
      id: 'evt_1',
      type: 'checkout.session.completed',
      livemode: false,
      created_at: db.fn.now(),
      outcome: 'ignored',
      payload: '{}',
    });
    const { ok, unlike } = await doctor(env);
    expect([ok, unlike('ok')]).toMatchObject([
      true,
      { 'live and test': said('warning: test events come in') },
    ]);
  });
});

test('work that is dead, and a paid order that has waited for too long', async () => {
  const dead = await orderWith('dead', { minutes: 600 });
  await orderWith('dead');
  const waiting = await orderWith('pending', { minutes: 16 });
  await db('notifications').insert({
    order_id: waiting,
    kind: 'order_paid',
    status: 'dead',
    next_attempt_at: null,
  });
  const { ok, unlike } = await doctor(env);
  expect([ok, unlike('ok', 'warning')]).toEqual([
    false,
    {
      'dead work': said(
        `fulfilments: 2 (the first of order ${dead}), mails: 1 (the first of order ${waiting}). Once the reason is gone: npm run ops -- retry dead`,
      ),
      'waiting orders': said(
        `order ${waiting} has waited for its fulfilment for 16 min. Does a worker run? What became of its attempts: npm run ops -- show ${waiting}`,
      ),
    },
  ]);
});

test('an order that waits since its fulfilment is dead is not said not to wait', async () => {
  await orderWith('dead', { minutes: 600 });
  const { unlike } = await doctor(env);
  expect(unlike()['waiting orders']).toBe(
    'ok: no paid order has waited for its fulfilment for more than 15 minutes, dead ones aside',
  );
});

test('alerts that stand, but for those of work, which has its own lines', async () => {
  await db('alerts').insert([
    { cause: 'signatures_failing', details: { host: 'web-1', in_a_row: 7 } },
    { cause: 'fulfillments_dead', details: { count: 1, order_id: 1 } },
    {
      cause: 'clock_off',
      details: { host: 'web-1', against: 'the database', seconds: 40 },
      over_at: db.fn.now(),
    },
  ]);
  const { ok, unlike } = await doctor(env);
  expect([ok, unlike('ok', 'warning')]).toEqual([
    false,
    {
      alerts: expect.stringMatching(
        /^wrong: Signatures of webhook deliveries are wrong\. 7 in a row at web-1.* Compare STRIPE_WEBHOOK_SECRET/,
      ),
    },
  ]);
  expect(unlike('ok').alerts).not.toMatch(/clock|order/);
});

test('several alerts that stand: each on a line of its own', async () => {
  await db('alerts').insert([
    { cause: 'signatures_failing', details: { host: 'web-1', in_a_row: 7 } },
    { cause: 'reconcile_failing', details: { list: 'events', runs: 3 } },
  ]);
  const { text } = reportOf(await examine(() => parseConfig(env)));
  expect(text).toMatch(/^\S+ alerts: Signatures of .*\n {2}Reconcile gets nowhere\. .*$/m);
});

const ago = (age: string) => db.raw('now() - cast(? as interval)', [age]);

test.each([
  ['that nobody has heard of', { attempts: 2 }, ['wrong: 1 alert could not be told by ALERT_WEBHOOK_URL']],
  ['of whose end nobody has heard', { attempts: 2, told: ['mail:raised'] }, ['wrong: 1 alert could not be']],
  ['that is told', { attempts: 1, told: ['mail:over'], next_attempt_at: null }, []],
  ['that no process has a channel for', { attempts: 0 }, []],
  ['of a moment ago', { attempts: 1, told: ['mail:raised'], over_at: ago('0 minutes') }, []],
  ['of two days ago', { attempts: 2, told: ['mail:raised'], over_at: ago('2 days') }, []],
])('an alert %s', async (_what, columns, lines) => {
  const details = { count: 1, order_id: 42 };
  const times = { raised_at: ago('3 days'), over_at: ago('2 minutes') };
  const alert = { cause: 'fulfillments_dead', details, ...times, ...columns };
  await db('alerts').insert(alert);
  const { unlike } = await doctor(env);
  expect(Object.values(unlike('ok', 'warning'))).toEqual(lines.map(said));
});

describe('Stripe', () => {
  const answering = (status: number, path: string) => {
    stripe.fault = (req, res) => {
      if (!req.url?.startsWith(path)) return false;
      answerJson(res, status, {
        error: { type: 'invalid_request_error', message: 'not with sk_live_hunter2' },
      });
      return true;
    };
  };

  test.each([
    [
      'refuses the key',
      401,
      'wrong: it refuses STRIPE_SECRET_KEY: mistyped, rolled, expired, or for other IP addresses alone',
    ],
    ['refuses to show sessions', 403, 'wrong: STRIPE_SECRET_KEY may not read Checkout Sessions'],
    ['is out of order', 500, 'wrong: it answered 500'],
    ['is elsewhere', 404, 'wrong: it answered 404: does STRIPE_API_BASE lead to Stripe?'],
  ])('%s', async (_what, status, words) => {
    answering(status, '/v1/checkout/sessions');
    const { ok, unlike } = await doctor(env);
    const rest = 'not_checked: Stripe let nothing be seen';
    expect([ok, unlike('ok')]).toEqual([
      false,
      {
        Stripe: said(words),
        "Stripe's clock": rest,
        "Stripe's events": rest,
        endpoint: rest,
        'API version': rest,
        'one endpoint a URL': rest,
      },
    ]);
  });

  test('does not let a restricted key see the events, which reconcile needs', async () => {
    answering(403, '/v1/events');
    const { ok, unlike } = await doctor(env);
    expect([ok, unlike('ok', 'warning')]).toEqual([
      false,
      { "Stripe's events": said('wrong: STRIPE_SECRET_KEY may not read Events') },
    ]);
  });

  test('does not let a restricted key see the endpoints, which it need not', async () => {
    answering(403, '/v1/webhook_endpoints');
    const { ok, unlike } = await doctor(env);
    const unseen = 'not_checked: the key may not read Webhook Endpoints';
    expect([ok, unlike('ok')]).toEqual([
      true,
      { endpoint: unseen, 'API version': unseen, 'one endpoint a URL': unseen },
    ]);
  });

  test.each<[string, string, boolean, object]>([
    [
      'events',
      '/v1/events',
      false,
      { "Stripe's events": 'wrong: it answered 404: does STRIPE_API_BASE lead to Stripe?' },
    ],
    [
      'endpoints',
      '/v1/webhook_endpoints',
      true,
      Object.fromEntries(
        ['endpoint', 'API version', 'one endpoint a URL'].map((name) => [
          name,
          'not_checked: it answered 404: does STRIPE_API_BASE lead to Stripe?',
        ]),
      ),
    ],
  ])('is a stand-in without %s: all else is looked at', async (_what, path, expected, findings) => {
    answering(404, path);
    const { ok, unlike } = await doctor(env);
    expect([ok, unlike('ok', 'warning')]).toEqual([expected, findings]);
  });

  test('is away, as a proxy in front of it says in its own JSON', async () => {
    stripe.fault = (_req, res) => {
      answerJson(res, 502, { message: 'Bad gateway' });
      return true;
    };
    const { ok, unlike } = await doctor(env);
    expect([ok, unlike('ok', 'not_checked')]).toEqual([false, { Stripe: said('wrong: it answered 502') }]);
  });

  test('can not be reached', async () => {
    const nowhere = (await closedUrl()).replace(/\/$/, '');
    const { ok, unlike } = await doctor({ ...env, STRIPE_API_BASE: nowhere });
    expect([ok, unlike('ok', 'not_checked')]).toEqual([false, { Stripe: said('could not be reached') }]);
  });

  test('has no endpoint for this service', async () => {
    stripe.endpoints = [];
    const { ok, unlike } = await doctor(env);
    expect([ok, unlike('ok', 'not_checked')]).toEqual([
      false,
      { endpoint: said('wrong: no live endpoint is registered') },
    ]);
  });
});
