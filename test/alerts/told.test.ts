import { expect, jest, test } from '@jest/globals';
import type { Finding } from '../../src/alerts/alert.ts';
import type { Channel } from '../../src/alerts/channels.ts';
import { raise } from '../../src/alerts/store.ts';
import { startWatch } from '../../src/alerts/watch.ts';
import { parseConfig } from '../../src/config.ts';
import { openLedger } from '../../src/orders/ledger.ts';
import { startService } from '../../src/service.ts';
import { startChat } from '../support/chat.ts';
import { createTestDatabase } from '../support/database.ts';
import { recordingLog, silent } from '../support/log.ts';
import { startMailServer } from '../support/mail-server.ts';
import { newsOf } from '../support/news.ts';
import { insertOrder } from '../support/orders.ts';
import { fulfil, owedOrder } from '../support/owed.ts';
import { scratchDir } from '../support/scratch-dir.ts';
import { deliver } from '../support/service.ts';
import { serveMail } from '../support/smtp.ts';
import { checkoutSession, events, SECRET, signatureOf } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const dataDir = await scratchDir();

type Place = Awaited<ReturnType<typeof openPlace>>;

/** For one test: they wait side by side, those that wait for longest first. One after the other they took 75 s. */
async function openPlace() {
  const { db, url } = await createTestDatabase();
  const chat = await startChat();
  const { url: smtp, mails } = await startMailServer();

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

  return { url, db, chat, mails, start, settled, ageLastSight };
}

/** A service that has had wrong signatures for a minute. */
async function mislead() {
  const { chat, start } = await openPlace();
  const body = JSON.stringify(events.completedPaid(checkoutSession()));
  const service = await start({ ROLE: 'web' });
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
  return { chat, ...service };
}

/** Before the tests, since the clock is that of them all. */
const misled = await mislead();

test.concurrent('signatures that have been wrong for a minute are told at the next look', async () => {
  await using service = misled;
  await until('the chat hears of it', () =>
    service.chat.posts.some(({ text }) => text.includes('Signatures of webhook deliveries are wrong')),
  );
});

test.concurrent('an event that Stripe signed and that can not be read is told at the next look', async () => {
  const place = await openPlace();
  const event = events.completedPaid(checkoutSession({ amount_total: 'much' }));
  await using service = await place.start({ ROLE: 'web' });
  expect(await deliver(service.url, event)).toBe(400);
  await expectRefusalTold(place, event.id, "can't be read: amount_total: ");
});

test.concurrent('neither a channel that does not answer nor a cause that can not be kept keeps anybody from looking', async () => {
  const { db } = await createTestDatabase();
  const off: Finding = { cause: 'clock_off', details: { host: 'web-1', against: 'Stripe', seconds: 40 } };
  const channel: Channel = { name: 'webhook', tell: () => new Promise(() => {}) };
  let looks = 0;
  const look = () => {
    looks += 1;
    return [off];
  };
  let unkept = 0;
  const lookInVain = () => {
    unkept += 1;
    return [{ cause: 'bad_mood', details: {} } as never];
  };
  const watch = startWatch({ db, looks: [look], channels: [channel], log: silent });
  const other = startWatch({ db, looks: [lookInVain], channels: [], log: silent });
  await until('it is being told', () => db('alerts').where({ attempts: 1 }).first());
  await until('both have looked again', () => looks === 2 && unkept === 2);
  await Promise.all([watch.stop(), other.stop()]);
});

test.concurrent('a mail server that takes all of an alert and says nothing holds up neither the chat nor further alerts', async () => {
  const { db, chat, start } = await openPlace();
  let had = 0;
  const hear = () => {
    had += 1;
  };
  const { host } = await serveMail({
    authOptional: true,
    onData: (stream) => void stream.on('end', hear).resume(),
  });
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

test.concurrent('a database that is away for a while keeps nobody from being told', async () => {
  const { db } = await createTestDatabase();
  await raise(db, { cause: 'clock_off', details: { host: 'web-1', against: 'Stripe', seconds: 40 } });
  await db.raw('alter table alerts rename to away');
  const { log, lines } = recordingLog();
  const told: string[] = [];
  const channel: Channel = { name: 'webhook', tell: async ({ cause }) => void told.push(cause) };
  const watch = startWatch({ db, looks: [], channels: [channel], log });
  await until('it can neither keep nor tell', () => lines.length >= 2);
  await db.raw('alter table away rename to alerts');
  await until('it is told', () => told.length === 1);
  await watch.stop();
});

test.concurrent('dead work is told by chat and by mail, and again when it is over', async () => {
  const { db, chat, mails, start, settled, ageLastSight } = await openPlace();
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

test.concurrent('a dead mail is told', async () => {
  const { db, chat, start, settled } = await openPlace();
  const { id: order_id } = await insertOrder(db);
  const dead = { status: 'dead', next_attempt_at: null, died_at: db.fn.now() };
  await db('notifications').insert({ order_id, kind: 'order_paid', ...dead });
  await using _service = await start();
  await settled();
  expect(chat.posts[0]?.text).toContain('1 mail to customers will not be sent without a person');
});

test.concurrent('a list of Stripe that reconcile gets nowhere with is told, and when it gets through', async () => {
  const { db, chat, start, settled, ageLastSight } = await openPlace();
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

test.concurrent('a clock that is not that of the database is told', async () => {
  const { db, chat, start, settled, url } = await openPlace();
  await db.raw(`create function public.clock_timestamp() returns timestamptz language sql
    as $$ select pg_catalog.clock_timestamp() - interval '1 hour' $$`);
  const behind = new URL(url);
  behind.searchParams.set('options', '-c search_path=public,pg_catalog');
  await using _service = await start({ DATABASE_URL: behind.href });
  await settled();
  expect(chat.posts[0]?.text).toMatch(/The clock of .* is 3[56]\d\d s ahead of that of the database/);
});

test.concurrent('a payment that fails after its order was paid is told, though nothing is owed and nothing waits', async () => {
  const { chat, start, settled } = await openPlace();
  const session = checkoutSession();
  await using service = await start({ ROLE: 'web' });
  expect(await deliver(service.url, events.completedPaid(session))).toBe(200);
  expect(await deliver(service.url, events.asyncFailed(session))).toBe(200);
  await using _worker = await start();
  await settled();
  expect(chat.posts[0]?.text).toContain('Stripe says of 1 paid order that the payment failed');
});

test.concurrent.each([
  [
    'a payment of live mode at a test key',
    'payment',
    'sk_test_123',
    ['fulfillments_dead', 'live_events_ignored'],
  ],
  ['a session that only sets up a way to pay, at a live key', 'setup', 'sk_live_123', ['fulfillments_dead']],
])('which ignored events are told of: %s', async (_what, mode, key, causes) => {
  const { db, chat, start } = await openPlace();
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

test.concurrent('an order that came by reconcile, since no webhook had brought it, is told', async () => {
  const { db, chat, start, settled } = await openPlace();
  await openLedger(db)({ ...newsOf(events.completedPaid(checkoutSession())), source: 'reconcile' });
  await using _service = await start();
  await settled();
  expect(chat.posts[0]?.text).toContain('No webhook came for 1 order');
});

test.concurrent('one of several processes tells, once, and nothing new while it goes on', async () => {
  const { db, chat, mails, start, settled } = await openPlace();
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

test.concurrent('an order that waits for more than 15 minutes is told, one that waits for less is not', async () => {
  const { db, chat, start, settled } = await openPlace();
  await owedOrder(db, { minutes: 14 });
  const late = await owedOrder(db, { minutes: 16 });
  await using _service = await start();
  expect(await settled()).toMatchObject([
    { cause: 'orders_unfulfilled', details: { count: 1, order_id: late, minutes: 16 } },
  ]);
  expect(chat.posts[0]?.text).toContain('1 paid order not fulfilled for more than 15 minutes');
});

test.concurrent('a process for the web alone tells as well, since no worker may run', async () => {
  const { db, chat, start, settled } = await openPlace();
  await owedOrder(db, { minutes: 16 });
  await using _web = await start({ ROLE: 'web' });
  await settled();
  expect(chat.posts).toHaveLength(1);
});

test.concurrent('a process without a channel leaves telling to the others', async () => {
  const { db, chat, start, settled } = await openPlace();
  await owedOrder(db, { status: 'dead' });
  await using _mute = await start({ ALERT_WEBHOOK_URL: '', ALERT_MAIL: '' });
  await until('it is kept', async () => (await db('alerts')).length > 0);
  await using _other = await start();
  expect(await settled()).toMatchObject([{ told: ['webhook:raised', 'mail:raised'] }]);
  expect(chat.posts).toHaveLength(1);
});

test.concurrent('a thin one is told as well, by the next process where the one that refused it has ended', async () => {
  const place = await openPlace();
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
    await using service = await place.start({ ROLE: 'web' });
    expect(await deliver(service.url, event)).toBe(400);
  }
  await using _next = await place.start({ ROLE: 'web' });
  await expectRefusalTold(place, event.id, 'payload style must be Snapshot');
  // Another release would not take it either.
  expect(place.chat.posts[0]?.text).toContain('make an endpoint that sends snapshots');
});

async function expectRefusalTold({ db, chat }: Place, id: string, reason: string): Promise<void> {
  await until('the chat hears of it', () => chat.posts.length === 1);
  expect(chat.posts[0]?.text).toContain("The service refuses 1 event of Stripe's");
  expect(chat.posts[0]?.text).toMatch(new RegExp(`${id}: .*${reason}`));
  expect(await db('refused_events').first()).toMatchObject({
    checkout_session_id: expect.stringMatching(/^cs_/),
  });
}
