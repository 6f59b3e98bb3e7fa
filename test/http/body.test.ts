import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { type Body, BodyTooLarge, readBody } from '../../src/http/body.ts';
import { listen } from '../support/listen.ts';
import { until } from '../support/until.ts';

const LIMIT = 200_000;
const ROOM = 150_000;
const USUAL_ROOM = 1_000_000;
const room = { usual: USUAL_ROOM, large: ROOM };

/** What the last request's body came to: its bytes, or the error. */
let last = Promise.withResolvers<Body | Error>();
const server = createServer(async (req, res) => {
  const outcome = await readBody(req, LIMIT, room).catch((error: Error) => error);
  res.end();
  last.resolve(outcome);
});
const port = await listen(server);

function send(head: string, ...parts: string[]) {
  last = Promise.withResolvers();
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  for (const part of [`POST / HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`, ...parts]) socket.write(part);
  return socket;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function lastText(): Promise<string> {
  using body = (await last.promise) as Body;
  return body.bytes.toString();
}

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

test('a body in pieces is put together again', async () => {
  send('Transfer-Encoding: chunked', chunk('to'), chunk('gether'), chunk(''));
  expect(await lastText()).toBe('together');
});

test('a body in more pieces than are kept apart is the same in the end', async () => {
  const text = Array.from({ length: 3_000 }, (_, n) => String(n)).join();
  send('Transfer-Encoding: chunked', ...Array.from(text, chunk), chunk(''));
  expect(await lastText()).toBe(text);
});

test('chunks of a byte take little more memory than others', async () => {
  const before = memoryInUse();
  const pieces = 180_000;
  const socket = send('Transfer-Encoding: chunked', chunk('x').repeat(pieces));
  await until('all have come', () => ROOM - room.large === pieces - 64 * 1024);
  // 4 MB, of which other work of the process may make 10; kept apart, the chunks took 35.
  expect(memoryInUse() - before).toBeLessThan(20_000_000);
  socket.destroy();
  await last.promise;
});

test('no body is an empty one', async () => {
  send('Content-Length: 0');
  expect(await lastText()).toBe('');
});

test('a body beyond the limit is refused without an end to it, and read on so that the answer arrives', async () => {
  const endless = Array.from({ length: 40 }, () => chunk('x'.repeat(LIMIT / 10)));
  const socket = send('Transfer-Encoding: chunked', ...endless);
  expect(await last.promise).toBeInstanceOf(BodyTooLarge);
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1.1 200/);
});

test('one that is announced as too large is refused before it comes, and read so that another request may follow', async () => {
  const head = `Content-Length: ${LIMIT + 1}`;
  const socket = send(head);
  expect(await last.promise).toBeInstanceOf(BodyTooLarge);
  await once(socket, 'data');
  last = Promise.withResolvers();
  socket.write(`${'x'.repeat(LIMIT + 1)}POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nnext`);
  expect(await lastText()).toBe('next');
});

test('large bodies share their room, and give it back; a usual one needs none of it', async () => {
  const large = 'x'.repeat(LIMIT);
  const post = (body: string) => send(`Content-Length: ${body.length}`, body);
  post(large);
  const first = (await last.promise) as Body;
  post(large);
  expect(await last.promise).toMatchObject({ name: 'Unavailable' });
  post('x'.repeat(64 * 1024));
  expect(await lastText()).toHaveLength(64 * 1024);

  first[Symbol.dispose]();
  post(large);
  expect(await lastText()).toHaveLength(LIMIT);
  expect(room.large).toBe(ROOM);
});

test('usual ones share a room of their own, and give it back', async () => {
  const usual = 'x'.repeat(60_000);
  const bodies: Body[] = [];
  for (let n = 0; n < 16; n += 1) {
    send(`Content-Length: ${usual.length}`, usual);
    bodies.push((await last.promise) as Body);
  }
  send(`Content-Length: ${usual.length}`, usual);
  expect(await last.promise).toMatchObject({ name: 'Unavailable' });
  for (const body of bodies) body[Symbol.dispose]();
  expect(room).toEqual({ usual: USUAL_ROOM, large: ROOM });
});

test('whatever is refused, or breaks off, gives its room back', async () => {
  send('Transfer-Encoding: chunked', chunk('x'.repeat(LIMIT + 1)), chunk(''));
  expect(await last.promise).toBeInstanceOf(BodyTooLarge);
  const socket = send(`Content-Length: ${LIMIT}`, 'x'.repeat(LIMIT - 1));
  await until('its room is taken', () => room.large < ROOM - 100_000);
  socket.destroy();
  expect(await last.promise).toMatchObject({ code: 'body_incomplete' });
  expect(room).toEqual({ usual: USUAL_ROOM, large: ROOM });
});

test('the codings of a body are named in any case', async () => {
  send('Content-Encoding: IDENTITY\r\nContent-Length: 3', 'abc');
  expect(await lastText()).toBe('abc');
});

test.each(['gzip', 'br', 'identity, gzip'])(
  'a body with Content-Encoding %s is not read',
  async (encoding) => {
    send(`Content-Encoding: ${encoding}\r\nContent-Length: 3`, 'abc');
    expect(await last.promise).toMatchObject({ name: 'BadRequest', code: 'bad_request' });
  },
);

test('a body that breaks off is the fault of its sender', async () => {
  const socket = send('Content-Length: 1000', 'only this');
  await once(server, 'request');
  socket.destroy();
  expect(await last.promise).toMatchObject({ name: 'BadRequest', code: 'body_incomplete' });
});
