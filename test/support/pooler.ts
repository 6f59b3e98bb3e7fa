import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll } from '@jest/globals';

/** pgbouncer as far as a connection's beginning goes: it knows no statement_timeout, and says so in its own words. */
export async function startPooler(databaseUrl: string): Promise<{ readonly url: string }> {
  const target = new URL(databaseUrl);
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    sockets.push(near.on('error', () => {}));
    near.once('data', (startup: Buffer) => {
      if (startup.includes('statement_timeout\0')) return void near.end(REFUSAL);
      const far = connect(Number(target.port), target.hostname).on('error', () => {});
      sockets.push(far);
      far.write(startup);
      near.pipe(far).pipe(near);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return { url: url.href };
}

const fields = Buffer.from('SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0');
const head = Buffer.from('E\0\0\0\0');
head.writeInt32BE(fields.length + 4, 1);
const REFUSAL = Buffer.concat([head, fields]);
