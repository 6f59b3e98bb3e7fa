import { execFileSync } from 'node:child_process';
import { open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { exchange } from '../hostile/socket.ts';
import { startRefusingMailServer } from '../support/mail-server.ts';
import {
  hold,
  logOf,
  root,
  run,
  runFile,
  type ServiceProcess,
  spawnService,
  startSurroundings,
  terminal,
  untilWaiting,
  workDir,
} from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { lineItem } from '../support/stripe-api.ts';
import { checkoutSession, events, signatureOf, stripeEvent } from '../support/stripe-events.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

const { db, stripe, receiver, env } = await startSurroundings();
const mailServer = await startRefusingMailServer();

/** What a customer says of themselves and a shop keeps to itself, all of it recognisable. */
const person = {
  customer_details: { email: 'hunter2@example.com', name: 'Jenny Hunter2', phone: '+1 555 hunter2' },
  collected_information: {
    shipping_details: { name: 'Jenny Hunter2', address: { line1: '2 Hunter2 Street', country: 'US' } },
  },
  custom_fields: [{ key: 'engraving', text: { value: 'For hunter2' } }],
  metadata: { note: 'hunter2' },
};
const secrets = [
  'hunter2',
  env.STRIPE_WEBHOOK_SECRET,
  env.FULFILLMENT_SECRET,
  new URL(env.DATABASE_URL).password,
  // Whole payloads, ours and Stripe's.
  '"object"',
  '"data"',
];

async function mails(): Promise<string> {
  const dir = path.join(workDir, '.data/mail');
  const files = await readdir(dir).catch(() => []);
  return (await Promise.all(files.map((file) => readFile(path.join(dir, file), 'utf8')))).join('');
}

function expectDiscreet({ written: { stdout, stderr } }: ServiceProcess): void {
  for (const secret of secrets) expect(stdout.toLowerCase()).not.toContain(secret.toLowerCase());
  expect(stdout).not.toMatch(/[\w.]+@\w+\.\w+/);
  expect(stderr).toBe('');
}

test('at its loudest, the log of a whole flow names things by their ids and nothing else', async () => {
  await using service = await spawnService({
    ...env,
    LOG_LEVEL: 'trace',
    STRIPE_SECRET_KEY: 'sk_test_hunter2',
    MAIL_FROM: 'hunter2 <shop@example.com>',
  });
  const { url } = service;

  // Paid, refused by the receiver once, in words that repeat the order, then taken; with a mail.
  const session = checkoutSession(person);
  stripe.keep(session, [lineItem(1)]);
  receiver.answer = (res, { text }) => {
    receiver.answer = (again) => again.writeHead(204).end();
    res.writeHead(500, { 'content-type': 'application/json' }).end(text);
  };
  const paid = events.completedPaid(session);
  expect(await deliver(url, paid)).toBe(200);

  // Failed, with an address that no mail goes to.
  const unmailable = { ...person, customer_details: { email: 'hunter2 <hunter2@example.com>' } };
  const failed = events.asyncFailed(checkoutSession(unmailable));
  expect(await deliver(url, failed)).toBe(200);

  // Refused.
  const unreadable = events.completedPaid(checkoutSession({ ...person, amount_total: 'hunter2' }));
  expect(await deliver(url, unreadable)).toBe(400);
  expect(await deliver(url, { note: 'hunter2' })).toBe(400);
  const forged = {
    method: 'POST',
    headers: { 'stripe-signature': 't=1,v1=hunter2' },
    body: '{"a":"hunter2"}',
  };
  expect((await fetch(`${url}/webhook`, forged)).status).toBe(400);
  expect(
    await deliver(url, stripeEvent('customer.created', { object: 'customer', id: 'cus_1', ...person })),
  ).toBe(200);

  // Not kept, since the database has a fault.
  const unkept = events.completedPaid(checkoutSession(person));
  await db.raw('alter table stripe_events rename to elsewhere');
  expect(await deliver(url, unkept)).toBe(503);
  await db.raw('alter table elsewhere rename to stripe_events');

  const ending = async (table: string) => db(table).whereNotIn('status', ['pending']);
  await until('the order is fulfilled', async () => (await ending('fulfillments')).length === 1);
  await until('both mails come to an end', async () => (await ending('notifications')).length === 2);
  service.kill('SIGTERM');
  await service.ended;

  // The values really went through it.
  expect(receiver.calls.map(({ text }) => text).join()).toContain('hunter2@example.com');
  expect(await mails()).toContain('hunter2@example.com');

  expectDiscreet(service);
  const order = await db('orders').where({ checkout_session_id: session.id }).first();
  const ids = ({ id, data }: typeof paid) => ({ event_id: id, checkout_session_id: data.object.id });
  const log = logOf(service);
  for (const line of [
    { msg: 'event recorded', ...ids(paid), order_id: order.id },
    { msg: 'attempt failed', queue: 'fulfillments', order_id: order.id, attempt: 1 },
    { msg: 'fulfilled', queue: 'fulfillments', order_id: order.id, attempt: 2 },
    { msg: 'sent', queue: 'notifications', order_id: order.id },
    { msg: 'event recorded', ...ids(failed) },
    { msg: 'event refused', level: 50, ...ids(unreadable) },
    // Anybody can send these.
    { msg: 'delivery refused', level: 40 },
    { msg: 'event not known to be kept; Stripe will send it again', ...ids(unkept) },
  ]) {
    expect(log).toContainEqual(expect.objectContaining(line));
  }
});

test('of an event whose commit nobody has heard of the log does not say that it is not kept', async () => {
  const proxy = await startTcpProxy(env.DATABASE_URL);
  await using service = await spawnService({ ...env, DATABASE_URL: proxy.url, ROLE: 'web' });
  await using locked = await hold(db, (trx) => trx.raw('lock table stripe_events in share mode'));
  const event = events.completedPaid(checkoutSession());
  const answer = deliver(service.url, event);
  await untilWaiting(db, 'web', 1);
  proxy.reset();
  expect(await answer).toBe(503);
  await locked.release();
  await until('it is kept all the same', () => db('stripe_events').where({ id: event.id }).first());
  service.kill('SIGTERM');
  await service.ended;

  const told = logOf(service).filter(({ event_id }) => event_id === event.id);
  expect(told).toMatchObject([{ level: 50, msg: 'event not known to be kept; Stripe will send it again' }]);
});

test('nor does it repeat what hostile requests say, what a mail server answers, or the values that PostgreSQL refuses', async () => {
  await using service = await spawnService({
    ...env,
    LOG_LEVEL: 'trace',
    OPS_TOKEN: 'hunter2-token',
    SMTP_URL: `smtp://hunter2:hunter2@${mailServer.host}`,
    MAIL_FROM: 'shop@example.com',
  });
  const { url } = service;
  const send = (text: string) => exchange(url, { pieces: [text], whole: false });
  const post = (path: string, headers: string, body = '') =>
    send(`POST ${path} HTTP/1.1\r\nHost: hunter2.example\r\nConnection: close\r\n${headers}\r\n${body}`);
  const noJson = '{"note":hunter2 and jenny@example.com}';
  const signature = `Stripe-Signature: ${signatureOf(noJson)}\r\n`;
  const authorized = 'Authorization: Bearer hunter2-token\r\n';
  const statuses = [
    await post('/webhook?hunter2@example.com', 'Content-Length: 12\r\n', '{"hunter2":1'),
    await post('/webhook', `${signature}Content-Length: ${noJson.length}\r\n`, noJson),
    await post('/webhook', 'Stripe-Signature: t=1,v1=hunter2\r\nContent-Length: 9999\r\n', '{"hunter2":'),
    await post('/webhook', 'Content-Encoding: hunter2\r\n'),
    await post('/hunter2%ff', ''),
    await post('/checkout-sessions/hunter2%ff/fulfill', authorized),
    await post('/checkout-sessions/hunter2/fulfill', authorized),
    await post('/checkout-sessions/cs_1/fulfill', 'Authorization: Bearer hunter2\r\n'),
    await post('/', `X-Hunter2: ${'hunter2'.repeat(3_000)}\r\n`),
    await send('hunter2 and no HTTP\r\n\r\n'),
  ].flatMap((it) => it.statuses);
  expect(statuses.sort()).toEqual([400, 400, 400, 400, 400, 400, 401, 404, 404, 431]);

  // A receipt that the mail server refuses, and items that PostgreSQL refuses.
  const mailed = checkoutSession(person);
  const unstorable = checkoutSession(person);
  stripe.keep(mailed, [lineItem(1)]);
  stripe.keep(unstorable, [lineItem(2, { description: 'For hunter2@example.com' })]);
  await db.raw(`
    create function refuse_text() returns trigger language plpgsql as $$ begin new.position = new.description::int; return new; end $$;
    create trigger refuse_text before insert on order_line_items for each row
      when (new.description like 'For %') execute function refuse_text()`);
  for (const session of [mailed, unstorable])
    expect(await deliver(url, events.completedPaid(session))).toBe(200);
  const failing = (table: string, reason: string) => {
    const failures = logOf(service).filter(({ msg, queue }) => msg === 'attempt failed' && queue === table);
    return failures.some((line) => String(line.reason).includes(reason));
  };
  await until('the mail is refused', () => failing('notifications', 'the server answered 550 5.1.1'));
  await until('the items are refused', () => failing('fulfillments', 'SQLSTATE 22P02'));
  service.kill('SIGTERM');
  await service.ended;
  expect(mailServer.refused).toContain('hunter2@example.com');
  expectDiscreet(service);
});

test('on a terminal it has colours, unless that has none or they are not wanted', async () => {
  const log = async (more: Record<string, string>) => {
    await using migrating = run('src/db/migrate-cli.ts', { ...env, ...more });
    expect(await migrating.ended).toEqual({ code: 0, signal: null });
    expect(migrating.written.stdout).toContain('the database has every migration');
    return migrating.written.stdout;
  };
  const terminalOf = (kind: string) => terminal('stdout', kind);
  expect(await log(terminalOf('xterm-256color'))).toContain('\x1b[');
  expect(await log(terminalOf('dumb'))).not.toContain('\x1b');
  expect(await log({ ...terminalOf('xterm-256color'), NO_COLOR: '1' })).not.toContain('\x1b');
});

const aFullDisk = process.platform === 'linux' ? test : test.skip;

aFullDisk('a log on a full disk keeps the service from nothing, its end included', async () => {
  const PORT = String(await freePort());
  const url = `http://127.0.0.1:${PORT}`;
  const toFullDisk = ['-c', 'exec "$0" "$1" > /dev/full', process.execPath, path.join(root, 'src/main.ts')];
  await using service = runFile('/bin/sh', { ...env, PORT }, toFullDisk);
  await until('it listens', () => fetch(`${url}/healthz`).catch(() => null));

  const event = events.completedPaid(checkoutSession());
  expect(await deliver(url, event)).toBe(200);
  expect(await deliver(url, event)).toBe(200);

  service.kill('SIGTERM');
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(service.written.stderr).toBe('');
});

test('nor does a reader that has stopped reading keep it from its end', async () => {
  const log = path.join(workDir, 'log');
  execFileSync('mkfifo', [log]);
  await using _reader = await open(log, 'r+');
  const PORT = String(await freePort());
  const url = `http://127.0.0.1:${PORT}`;
  const toReader = ['-c', 'exec "$0" "$1" > "$2"', process.execPath, path.join(root, 'src/main.ts'), log];
  await using service = runFile('/bin/sh', { ...env, PORT, ROLE: 'web' }, toReader);
  await until('it listens', () => fetch(`${url}/healthz`).catch(() => null));
  // More than the kernel keeps for a reader.
  for (let n = 0; n < 20; n += 1)
    await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/webhook`, { method: 'POST' })));

  service.kill('SIGTERM');
  expect(await service.ended).toEqual({ code: 0, signal: null });
});
