import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, expect, test } from '@jest/globals';
import { BodyTooLarge, readBody } from '../../src/http/body.ts';

const LIMIT = 100_000;

/** What the last request's body came to: its bytes as text, or the error. */
let last = Promise.withResolvers<string | Error>();
const server = createServer(async (req, res) => {
  const outcome = await readBody(req, LIMIT).then(String, (error: Error) => error);
  res.end();
  last.resolve(outcome);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

function send(head: string, ...parts: string[]) {
  last = Promise.withResolvers();
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  for (const part of [`POST / HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`, ...parts]) socket.write(part);
  return socket;
}

const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

test('a body in pieces is put together again', async () => {
  send('Transfer-Encoding: chunked', chunk('to'), chunk('gether'), chunk(''));
  expect(await last.promise).toBe('together');
});

test('no body is an empty one', async () => {
  send('Content-Length: 0');
  expect(await last.promise).toBe('');
});

test('a body beyond the limit is refused without an end to it, and read on so that the answer arrives', async () => {
  const endless = Array.from({ length: 40 }, () => chunk('x'.repeat(LIMIT / 10)));
  const socket = send('Transfer-Encoding: chunked', ...endless);
  expect(await last.promise).toBeInstanceOf(BodyTooLarge);
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1.1 200/);
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
