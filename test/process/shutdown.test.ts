import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { contentsOf } from '../support/database.ts';
import {
  hold,
  logOf,
  root,
  run,
  runFile,
  spawnService,
  startSurroundings,
  untilItWrites,
  untilWaiting,
} from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { type EventJson, stripeEvent } from '../support/stripe-events.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

/** For one test: they wait side by side. */
async function openPlace() {
  const surroundings = await startSurroundings();
  const { receiver } = surroundings;
  const untilCalledFor = ({ data }: EventJson) =>
    until('the receiver is called', () => receiver.calls.some(({ id }) => id === data.object.id));
  return { ...surroundings, untilCalledFor };
}

const CONNECTIONS = 32;
const unreadableEvent = () =>
  stripeEvent('checkout.session.completed', { id: 'cs_1', object: 'checkout.session' });
const ids = (events: readonly EventJson[]) => events.map(({ id }) => id).sort();

function connectTo(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect(Number(port), hostname);
}

async function isRefused(url: string): Promise<boolean> {
  const socket = connectTo(url);
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}

/** Sends distinct events over kept-alive connections, each as soon as the one before is answered, until none is. */
function sendEvents(url: string, paidEvent: () => EventJson) {
  const sent = { kept: [] as EventJson[], unanswered: [] as EventJson[] };
  async function send(): Promise<void> {
    for (;;) {
      const event = paidEvent();
      const status = await deliver(url, event).catch(() => 'none');
      (status === 200 ? sent.kept : sent.unanswered).push(event);
      if (status === 'none') return;
    }
  }
  const ended = Promise.all(Array.from({ length: CONNECTIONS }, send));
  return { ...sent, ended };
}

test('SIGTERM under load: what was answered is kept, and what was not is kept when it comes again', async () => {
  const { db, receiver, env, paidEvent } = await openPlace();
  await using service = await spawnService(env);
  const { kept, unanswered, ended } = sendEvents(service.url, paidEvent);
  await until('it is under load', () => kept.length >= 300);
  // So that the signal finds deliveries under way.
  await using held = await hold(db, (trx) => trx.raw('lock table orders'));
  await untilWaiting(db, 'web', 1);
  const keptBefore = kept.length;

  const begin = performance.now();
  service.kill('SIGTERM');
  await until('new connections are refused', () => isRefused(service.url));
  await held.release();
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(performance.now() - begin).toBeLessThan(10_000);
  await ended;
  // Who waited for an answer has it, and nobody keeps the service busy by sending on and on.
  expect(kept.length).toBeGreaterThan(keptBefore);
  expect(kept.length).toBeLessThanOrEqual(keptBefore + 2 * CONNECTIONS);
  expect(service.written.stderr).toBe('');

  const { events, orders, fulfillments } = await contentsOf(db);
  expect(events.map(({ id }) => id)).toEqual(expect.arrayContaining(ids(kept)));
  expect(orders).toHaveLength(events.length);
  expect(fulfillments).toHaveLength(events.length);

  await using heir = await spawnService(env);
  const statuses = await Promise.all(unanswered.map((event) => deliver(heir.url, event)));
  expect(new Set(statuses)).toEqual(new Set([200]));
  const all = [...kept, ...unanswered];
  await until('all are fulfilled', async () => {
    const [row] = await db('fulfillments').where({ status: 'fulfilled' }).count({ n: '*' });
    return row?.n === all.length;
  });
  const now = await contentsOf(db);
  expect(now.events.map(({ id }) => id)).toEqual(ids(all));
  expect(now.orders).toHaveLength(all.length);
  expect(now.transitions).toHaveLength(all.length);
  expect(new Set(receiver.calls.map(({ id }) => id)).size).toBe(all.length);
});

test.concurrent('while it stops, new connections are refused, and further signals change nothing', async () => {
  const { db, receiver, env, paidEvent, untilCalledFor } = await openPlace();
  await using service = await spawnService(env);
  const event = paidEvent();
  receiver.answer = () => {};
  expect(await deliver(service.url, event)).toBe(200);
  await untilCalledFor(event);

  service.kill('SIGTERM');
  await until('new connections are refused', () => isRefused(service.url));
  expect(logOf(service).map(({ msg }) => msg)).not.toContain('stopped');
  service.kill('SIGTERM');
  service.kill('SIGINT');
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(await db('fulfillments').where({ event_id: event.id })).toMatchObject([
    { status: 'pending', attempts: 1 },
  ]);
  expect(logOf(service).filter(({ msg }) => msg === 'stopping')).toHaveLength(1);
});

test.concurrent('a request that never ends does not hold up the stop', async () => {
  const { env, paidEvent } = await openPlace();
  await using service = await spawnService({ ...env, ROLE: 'web' });
  const client = connectTo(service.url);
  client.on('error', () => {});
  client.write('POST /webhook HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000\r\n\r\n{"id":');
  // Answered after it, so the service has read the beginning.
  expect(await deliver(service.url, paidEvent())).toBe(200);

  const begin = performance.now();
  service.kill('SIGTERM');
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(performance.now() - begin).toBeLessThan(10_000);
  client.destroy();
});

// Apart from the others, whose services start: on a fifth of a core they made this stop take 8.8 s.
describe('a database that is away', () => {
  test.concurrent.each(['reset', 'swallow'] as const)(
    '(%s) does not keep it, nor make it fail',
    async (manner) => {
      const { env, receiver, paidEvent, untilCalledFor } = await openPlace();
      const proxy = await startTcpProxy(env.DATABASE_URL);
      receiver.answer = () => {};
      const variables = { DATABASE_URL: proxy.url, ALERT_WEBHOOK_URL: receiver.url };
      await using service = await spawnService({ ...env, ...variables });
      const event = paidEvent();
      expect(await deliver(service.url, event)).toBe(200);
      await untilCalledFor(event);
      expect(await deliver(service.url, unreadableEvent())).toBe(400);
      proxy.manner = manner;
      proxy[manner]();
      // By then whoever asks the database waits for it, and at the end all have something to write.
      expect(await deliver(service.url, paidEvent())).toBe(503);

      const begin = performance.now();
      service.kill('SIGTERM');
      expect(await service.ended).toEqual({ code: 0, signal: null });
      expect(performance.now() - begin).toBeLessThan(8_500);
      expect(logOf(service).map(({ msg }) => msg)).toContain('stopped');
      expect(service.written.stderr).toBe('');
    },
  );
});

test.concurrent.each([
  ['npm run ops', 'src/cli.ts', ['orders']],
  ['npm run migrate', 'src/db/migrate-cli.ts', []],
])('%s ends also where a network has swallowed the end of its connections', async (_name, program, args) => {
  const { env } = await openPlace();
  const proxy = await startTcpProxy(env.DATABASE_URL);
  proxy.manner = 'keep';
  await using command = run(program, { ...env, DATABASE_URL: proxy.url }, args);
  expect(await command.ended).toEqual({ code: 0, signal: null });
});

// Alone: it has a second for that.
test('what it has refused since it last looked for alerts is kept', async () => {
  const { db, env } = await openPlace();
  await using service = await spawnService({ ...env, ROLE: 'web' });
  const unreadable = unreadableEvent();
  expect(await deliver(service.url, unreadable)).toBe(400);
  service.kill('SIGTERM');
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(await db('refused_events').pluck('id')).toContain(unreadable.id);
});

test.concurrent('a start that waits for the migrations of another process is not waited for', async () => {
  const { db, env } = await openPlace();
  await using _migrating = await hold(db, (trx) => trx.raw('select pg_advisory_xact_lock(4242001)'));
  await using service = run('src/main.ts', { PORT: '0', ...env });
  await untilWaiting(db, 'migration', 1);
  service.kill('SIGTERM');
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(logOf(service).map(({ msg }) => msg)).toContain('stopped');
  expect(service.written.stderr).toBe('');
});

test.concurrent('the signal of a closed terminal stops it as well', async () => {
  const { env } = await openPlace();
  await using service = await spawnService({ ...env, ROLE: 'web' });
  service.kill('SIGHUP');
  expect(await service.ended).toEqual({ code: 0, signal: null });
  expect(logOf(service).map(({ msg }) => msg)).toContain('stopped');
});

/** That of util-linux; that of other systems has neither this option nor those below. */
const inTerminals = spawnSync('script', ['--version']).status === 0 ? test.concurrent : test.skip;

inTerminals('so does a terminal that is closed, and takes no line of the stop', async () => {
  const { db, env, receiver, paidEvent, untilCalledFor } = await openPlace();
  receiver.answer = () => {};
  const PORT = String(await freePort());
  const main = path.join(root, 'src/main.ts');
  const inTerminal = ['-qec', `exec "${process.execPath}" "${main}"`, '/dev/null'];
  await using terminal = runFile('script', { ...env, PORT }, inTerminal);
  await until('it listens', () => terminal.written.stdout.includes('listening on'));
  const event = paidEvent();
  expect(await deliver(`http://127.0.0.1:${PORT}`, event)).toBe(200);
  await untilCalledFor(event);

  terminal.kill('SIGKILL');
  // Given back: a lease that ended by itself would count as lost.
  const owed = await until('its lease is over', () =>
    db('fulfillments').where({ event_id: event.id }).where('next_attempt_at', '<=', db.fn.now()).first(),
  );
  expect(owed).toMatchObject({ status: 'pending', attempts: 1, attempts_lost: 0 });
});

test.concurrent('npm ends and leaves it behind: it stops as well', async () => {
  const { env } = await openPlace();
  // npm hands a signal to its shell, which dies of it.
  const main = path.join(root, 'src/main.ts');
  const started = ['-c', `"${process.execPath}" "${main}"; true`];
  await using shell = runFile('sh', { npm_lifecycle_event: 'start', PORT: '0', ...env }, started);
  await untilItWrites(shell, /listening on/);
  shell.kill('SIGTERM');
  // The service writes to the same pipe: this is its end as well.
  await shell.ended;
  expect(logOf(shell).map(({ msg }) => msg)).toContain('stopped');
});
