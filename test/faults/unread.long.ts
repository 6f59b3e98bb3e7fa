import { expect, test } from '@jest/globals';
import { listen } from '../../src/http/server.ts';
import { connectTo } from '../hostile/socket.ts';

test('a client that asks and never reads is given up within half a minute', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<number>();
  const server = await listen(
    (_req, res) => {
      res.socket?.once('close', () => resolve(performance.now()));
      // More than fits on the way back.
      res.end(Buffer.alloc(32 * 1024 * 1024));
    },
    { host: '127.0.0.1', port: 0 },
  );
  const client = connectTo(server.url).pause();
  client.write('GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n');
  const startedAt = performance.now();
  expect((await closed) - startedAt).toBeLessThan(33_000);
  client.destroy();
  await server.close();
});
