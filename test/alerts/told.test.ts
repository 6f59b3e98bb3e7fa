import { beforeEach, expect, jest, test } from '@jest/globals';
import { parseConfig } from '../../src/config.ts';
import { openLedger } from '../../src/orders/ledger.ts';
import { startService } from '../../src/service.ts';
import { startChat } from '../support/chat.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { startMailServer } from '../support/mail-server.ts';
import { newsOf } from '../support/news.ts';
import { insertOrder } from '../support/orders.ts';
import { fulfil, owedOrder } from '../support/owed.ts';
import { deliver, scratchDir } from '../support/service.ts';
import { serveMail } from '../support/smtp.ts';
import { checkoutSession, events, SECRET, signatureOf } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const { db, url } = await createTestDatabase();
const chat = await startChat();
const { url: smtp, mails } = await startMailServer();

beforeEach(async () => {
  await db('alerts').del();
  await db('fulfillments').del();
  await db('notifications').del();
  await db('stripe_events').del();
  await db('refused_events').del();
  chat.posts.length = 0;
  mails.length = 0;
});

const dataDir = await scratchDir();

/** It hears mails to their end, and answers none. */
let hear = () => {};
const silentServer = await serveMail({
  authOptional: true,
  onData: (stream) => void stream.on('end', () => hear()).resume(),
});

/** A service that looks and tells at once (and again after 15 s), until the end of the block. */
async function start(env: Record<string, string> = {}): Promise<AsyncDisposable & { url: string }> {
  const config = parseConfig({
    PORT: '0',
    DATABASE_URL: url,
    STRIPE_SECRET_KEY: 'sk_test_123',
    STRIPE_WEBHOOK_SECRET: SECRET,
    SHOP_NAME: 'Mugs & More',
    SMTP_URL: smtp,
    MAIL_FROM: 'shop@mugs.example',
    ALERT_WEBHOOK_URL: chat.url,
    ALERT_MAIL: 'ops@mugs.example',
    ROLE: 'worker',
    // Each connection is a cold one to PostgreSQL: with all ten of each process half of the file's CPU was theirs.
    DATABASE_POOL_MAX: '3',
    ...env,
  });
  const service = await startService({ ...config, dataDir }, silent);
  return { url: service.url, [Symbol.asyncDispose]: () => service.stop() };
}

const settled = () =>
  until('everything is told', async () => {
    const alerts = await db('alerts').orderBy('cause');
    return alerts.length > 0 && alerts.every(({ next_attempt_at }) => next_attempt_at === null) && alerts;
  });

/** Nobody has seen a cause for longer than it takes to be over. */
const ageLastSight = () => db('alerts').update({ seen_at: db.raw(`now() - interval '121 seconds'`) });

test('dead work is told by chat and by mail, and again when it is over', async () => {
  const id = await owedOrder(db, { status: 'dead' });
  {
    await using _service = await start();
    await settled();
  }
  const title = '1 paid order will not be fulfilled without a person';
  expect(chat.posts).toEqual([
    { text: expect.stringContaining(`[Mugs &amp; More] ${title}\nEvery attempt failed.`) },
  ]);
  expect(chat.posts[0]?.text).toContain('npm run ops -- retry dead');
  expect(mails).toMatchObject([{ to: ['ops@mugs.example'], mail: { subject: `[Mugs & More] ${title}` } }]);
  expect(mails[0]?.mail.text).toContain(`npm run ops -- show ${id}`);
  expect(`${chat.posts[0]?.text}${mails[0]?.mail.text}${mails[0]?.mail.html}`).not.toMatch(/jenny/i);

  await fulfil(db);
  await ageLastSight();
  await using _later = await start();
  await until('it is told that it is over', () => chat.posts.length === 2 && mails.length === 2);
  await settled();
  expect(chat.posts[1]?.text).toMatch(/^\[Mugs &amp; More\] Over: 1 paid order /);
  expect(mails[1]?.mail.subject).toMatch(/^\[Mugs & More\] Over: /);
  expect(mails[1]?.mail.messageId).not.toBe(mails[0]?.mail.messageId);
});

test('a dead mail is told', async () => {
  const { id: order_id } = await insertOrder(db);
  const dead = { status: 'dead', next_attempt_at: null, died_at: db.fn.now() };
  await db('notifications').insert({ order_id, kind: 'order_paid', ...dead });
  await using _service = await start();
  await settled();
  expect(chat.posts[0]?.text).toContain('1 mail to customers will not be sent without a person');
});

test('a list of Stripe that reconcile gets nowhere with is told, and when it gets through', async () => {
  const cursor = db('reconcile_cursors').where({ list: 'events' });
  await cursor.clone().update({ attempts: 5 });
  {
    await using _service = await start();
    await settled();
  }
  expect(chat.posts).toMatchObject([
    { text: expect.stringContaining('4 runs in a row have failed over Stripe') },
  ]);
  await cursor.clone().update({ attempts: 0 });
  await ageLastSight();
  await using _later = await start();
  await until('it is told that it is over', () => chat.posts.length === 2);
  await settled();
  expect(chat.posts[1]?.text).toMatch(/Over: Reconcile gets nowhere/);
});

test('a clock that is not that of the database is told', async () => {
  await db.raw(`create function public.clock_timestamp() returns timestamptz language sql
    as $$ select pg_catalog.clock_timestamp() - interval '1 hour' $$`);
  const behind = new URL(url);
  behind.searchParams.set('options', '-c search_path=public,pg_catalog');
  try {
    await using _service = await start({ DATABASE_URL: behind.href });
    await settled();
    expect(chat.posts[0]?.text).toMatch(/The clock of .* is 3[56]\d\d s ahead of that of the database/);
  } finally {
    await db.raw('drop function public.clock_timestamp()');
  }
});

test('a payment that fails after its order was paid is told, though nothing is owed and nothing waits', async () => {
  const session = checkoutSession();
  await using service = await start({ ROLE: 'web' });
  expect(await deliver(service.url, events.completedPaid(session))).toBe(200);
  expect(await deliver(service.url, events.asyncFailed(session))).toBe(200);
  await using _worker = await start();
  await settled();
  expect(chat.posts[0]?.text).toContain('Stripe says of 1 paid order that the payment failed');
});

test.each([
  [
    'a payment of live mode at a test key',
    'payment',
    'sk_test_123',
    ['fulfillments_dead', 'live_events_ignored'],
  ],
  ['a session that only sets up a way to pay, at a live key', 'setup', 'sk_live_123', ['fulfillments_dead']],
])('which ignored events are told of: %s', async (_what, mode, key, causes) => {
  const event = { ...events.completedPaid(checkoutSession({ mode, livemode: true })), livemode: true };
  await using web = await start({ ROLE: 'web', STRIPE_SECRET_KEY: key });
  expect(await deliver(web.url, event)).toBe(200);
  expect(await db('stripe_events')).toMatchObject([{ outcome: 'ignored' }]);
  // So that there is something to find in any case.
  await owedOrder(db, { status: 'dead' });
  await using worker = await start({ STRIPE_SECRET_KEY: key });
  const ready = async () => (await fetch(`${worker.url}/readyz`)).json() as Promise<{ notes?: string[] }>;
  const notes = await until('it has looked', async () => (await ready()).notes);
  expect(notes).toEqual(causes);
  await until('all is told', () => chat.posts.length === causes.length);
});

test('an order that came by reconcile, since no webhook had brought it, is told', async () => {
  await openLedger(db)({ ...newsOf(events.completedPaid(checkoutSession())), source: 'reconcile' });
  await using _service = await start();
  await settled();
  expect(chat.posts[0]?.text).toContain('No webhook came for 1 order');
});

test('one of several processes tells, once, and nothing new while it goes on', async () => {
  await owedOrder(db, { status: 'dead' });
  await using _worker = await start();
  await using _all = await start({ ROLE: 'all' });
  await using _web = await start({ ROLE: 'web' });
  await settled();
  await owedOrder(db, { status: 'dead' });
  await using _another = await start();
  await until('the second one is seen', async () =>
    (await db('alerts').where('cause', 'fulfillments_dead')).some(({ details }) => details.count === 2),
  );
  await settled();
  expect(chat.posts).toHaveLength(1);
  expect(mails).toHaveLength(1);
});

test('an order that waits for more than 15 minutes is told, one that waits for less is not', async () => {
  await owedOrder(db, { minutes: 14 });
  const late = await owedOrder(db, { minutes: 16 });
  await using _service = await start();
  expect(await settled()).toMatchObject([
    { cause: 'orders_unfulfilled', details: { count: 1, order_id: late, minutes: 16 } },
  ]);
  expect(chat.posts[0]?.text).toContain('1 paid order not fulfilled for more than 15 minutes');
});

test('a process for the web alone tells as well, since no worker may run', async () => {
  await owedOrder(db, { minutes: 16 });
  await using _web = await start({ ROLE: 'web' });
  await settled();
  expect(chat.posts).toHaveLength(1);
});

test('a process without a channel leaves telling to the others', async () => {
  await owedOrder(db, { status: 'dead' });
  await using _mute = await start({ ALERT_WEBHOOK_URL: '', ALERT_MAIL: '' });
  await until('it is kept', async () => (await db('alerts')).length > 0);
  await using _other = await start();
  expect(await settled()).toMatchObject([{ told: ['webhook:raised', 'mail:raised'] }]);
  expect(chat.posts).toHaveLength(1);
});

test('a mail server that takes all of an alert and says nothing holds up neither the chat nor further alerts', async () => {
  let had = 0;
  const { host } = silentServer;
  hear = () => {
    had += 1;
  };
  await owedOrder(db, { status: 'dead' });
  await using _service = await start({ SMTP_URL: `smtp://${host}` });
  await until('the server has it', () => had === 1);
  const [alert] = await until('what became of it is kept', async () => {
    const alerts = await db('alerts').whereRaw('cardinality(told) > 0');
    return alerts.length > 0 && alerts;
  });
  expect(alert).toMatchObject({ attempts: 1, told: ['webhook:raised'] });
  expect(chat.posts).toHaveLength(1);
});

test('an event that Stripe signed and that can not be read is told at the next look', async () => {
  const event = events.completedPaid(checkoutSession({ amount_total: 'much' }));
  await using service = await start({ ROLE: 'web' });
  expect(await deliver(service.url, event)).toBe(400);
  await expectRefusalTold(event.id, "can't be read: amount_total: ");
});

test('signatures that have been wrong for a minute are told at the next look', async () => {
  const body = JSON.stringify(events.completedPaid(checkoutSession()));
  await using service = await start({ ROLE: 'web' });
  const begin = Date.now();
  const clock = jest.spyOn(Date, 'now');
  try {
    for (const seconds of [0, 15, 30, 45, 60]) {
      clock.mockReturnValue(begin + seconds * 1_000);
      const headers = { 'stripe-signature': signatureOf(body, { secret: 'whsec_of_another_endpoint' }) };
      const { status } = await fetch(`${service.url}/webhook`, { method: 'POST', headers, body });
      expect(status).toBe(400);
    }
  } finally {
    clock.mockRestore();
  }
  await until('the chat hears of it', () =>
    chat.posts.some(({ text }) => text.includes('Signatures of webhook deliveries are wrong')),
  );
});

test('a thin one is told as well, by the next process where the one that refused it has ended', async () => {
  const event = {
    id: 'evt_test_thin',
    object: 'v2.core.event',
    type: 'v1.checkout.session.completed',
    related_object: {
      id: 'cs_test_thin',
      type: 'checkout.session',
      url: '/v1/checkout/sessions/cs_test_thin',
    },
  };
  {
    await using service = await start({ ROLE: 'web' });
    expect(await deliver(service.url, event)).toBe(400);
  }
  await using _next = await start({ ROLE: 'web' });
  await expectRefusalTold(event.id, 'payload style must be Snapshot');
  // Another release would not take it either.
  expect(chat.posts[0]?.text).toContain('make an endpoint that sends snapshots');
});

async function expectRefusalTold(id: string, reason: string): Promise<void> {
  await until('the chat hears of it', () => chat.posts.length === 1);
  expect(chat.posts[0]?.text).toContain("The service refuses 1 event of Stripe's");
  expect(chat.posts[0]?.text).toMatch(new RegExp(`${id}: .*${reason}`));
  expect(await db('refused_events').first()).toMatchObject({
    checkout_session_id: expect.stringMatching(/^cs_/),
  });
}
