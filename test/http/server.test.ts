import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { listen } from '../../src/http/server.ts';
import { until } from '../support/until.ts';

/** What the application was asked, and has not answered by itself. */
const asked: { path: string; res: ServerResponse }[] = [];
const address = { host: '127.0.0.1', port: 0 };
const server = await listen((req, res) => void asked.push({ path: req.url as string, res }), address);
/** It answers by itself. */
const quick = await listen((_req, res) => void res.end('quick.'), address);
afterAll(() => Promise.all([server.close(), quick.close()]));
afterEach(() => {
  asked.length = 0;
});

const requestFor = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${path === '/expecting' ? 'Expect: a miracle\r\n' : ''}\r\n`;

/** Sends requests for these paths in one piece, `/expecting` with an expectation. */
function pipeline(paths: readonly string[], { url } = server): { socket: Socket; read: () => string } {
  let text = '';
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket
    .on('error', () => {})
    .on('data', (bytes) => {
      text += bytes;
    });
  socket.write(paths.map(requestFor).join(''));
  return { socket, read: () => text };
}

const paths = Array.from({ length: 50 }, (_, n) => `/${n}`);

test('requests of one connection are begun one after the other, and answered in their order', async () => {
  const { socket, read } = pipeline(paths);
  for (const [n, path] of paths.entries()) {
    const { res } = await until('it is asked', () => asked[n]);
    expect(asked.map(({ path }) => path)).toEqual(paths.slice(0, n + 1));
    res.end(`answer ${path}.`);
  }
  await until('all are answered', () => read().includes('answer /49.'));
  expect([...read().matchAll(/answer (\/\d+)\./g)].map(([, path]) => path)).toEqual(paths);
  socket.destroy();
});

test('those that wait are not begun when the sender is gone', async () => {
  const { socket } = pipeline(paths);
  const { res } = await until('the first is asked', () => asked[0]);
  socket.destroy();
  await until('its sender is gone', () => res.destroyed || res.closed);
  const other = pipeline(['/other']);
  await until('another is asked', () => asked.some(({ path }) => path === '/other'));
  expect(asked.map(({ path }) => path)).toEqual(['/0', '/other']);
  other.socket.destroy();
});

test('a connection with hundreds of them is ended, and others are served', async () => {
  const many = Array.from({ length: 5_000 }, (_, n) => `/${n}`);
  const { socket } = pipeline(many);
  // At once, and not as one that asks and doesn't read, which is after 15 s.
  await until('it is ended', () => socket.destroyed, 10);
  expect(asked.map(({ path }) => path)).toEqual(['/0']);
  const other = pipeline(['/other']);
  await until('another is asked', () => asked.some(({ path }) => path === '/other'));
  other.socket.destroy();
});

test('an expectation that nobody knows is refused in its turn, and what comes after it is answered', async () => {
  const { socket, read } = pipeline(['/before', '/expecting', '/after']);
  (await until('the first is asked', () => asked[0])).res.end('first.');
  (await until('the last is asked', () => asked[1])).res.end('last.');
  await until('it is answered', () => read().includes('last.'));
  expect(read().match(/(?<=HTTP\/1\.1 )\d+/g)).toEqual(['200', '417', '200']);
  socket.destroy();
});

test('a connection that is kept is asked again and again', async () => {
  const { socket, read } = pipeline(['/first']);
  (await until('it is asked', () => asked[0])).res.end('1');
  await until('it is answered', () => read().includes('HTTP/1.1 200'));
  socket.write(requestFor('/second'));
  (await until('it is asked again', () => asked[1])).res.end('2');
  await until('both are answered', () => read().match(/HTTP\/1.1 200/g)?.length === 2);
  socket.destroy();
});

test('a connection that is kept keeps nothing of what it has asked, and is forgotten once it has ended', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  let request: WeakRef<IncomingMessage> | undefined;
  let connection: WeakRef<Socket> | undefined;
  const served = await listen((req, res) => {
    request = new WeakRef(req);
    connection = new WeakRef(req.socket);
    res.end('answered.');
  }, address);
  const { socket, read } = pipeline(['/'], served);
  await until('it is answered', () => read().includes('answered.'));
  await until('its request is forgotten', () => {
    collectGarbage();
    return request?.deref() === undefined;
  });
  expect(socket.destroyed).toBe(false);
  socket.destroy();
  await until('the connection is forgotten', () => {
    collectGarbage();
    return connection?.deref() === undefined;
  });
  await served.close();
});

test('an idle connection is kept for longer than by the proxies that are the most patient, 10 minutes', async () => {
  const answer = await fetch(quick.url);
  const [, seconds] = /^timeout=(\d+)$/.exec(answer.headers.get('keep-alive') ?? '') ?? [];
  expect(Number(seconds)).toBeGreaterThan(600);
  await answer.text();
});

test('requests that have waited count no more once they are answered', async () => {
  const { socket, read } = pipeline([], quick);
  for (let round = 1; round <= 3; round += 1) {
    socket.write(paths.map(requestFor).join(''));
    await until('all are answered', () => read().match(/quick\./g)?.length === round * paths.length);
  }
  socket.destroy();
});

test('an answer that is under way when the server closes is the last one of its connection', async () => {
  const closing = await listen((req, res) => void asked.push({ path: req.url as string, res }), address);
  const { read } = pipeline(['/last'], closing);
  const { res } = await until('it is asked', () => asked[0]);
  const closed = closing.close();
  res.end('answered.');
  await until('it is answered', () => read().includes('answered.'));
  await closed;
  expect(read()).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/);
});

test('so is that of a request which comes as the server closes, in a connection that was kept', async () => {
  const closing = await listen((_req, res) => void res.end('answered.'), address);
  const { socket, read } = pipeline(['/first'], closing);
  await until('it is answered', () => read().includes('answered.'));
  // The kernel has it in this turn of the loop, and Node reads it in the next.
  socket.write(requestFor('/last'));
  await Promise.all([closing.close(), once(socket, 'end')]);
  expect(read().match(/(?<=Connection: )\S+/g)).toEqual(['keep-alive', 'close']);
});

test('requests in connections that nobody has accepted yet when the server closes are answered', async () => {
  const closing = await listen((_req, res) => void res.end('answered.'), address);
  // As a signal comes: in a turn of the loop that has looked for connections already.
  await stat(import.meta.filename);
  const clients = paths.map((path) => pipeline([path], closing));
  const ended = clients.map(({ socket }) => once(socket, 'end'));
  // The kernel connects them all in this turn of the loop, and Node accepts one in the next.
  await new Promise(process.nextTick);
  await Promise.all([closing.close(), ...ended]);
  expect(clients.filter(({ read }) => read().endsWith('answered.'))).toHaveLength(paths.length);
});
