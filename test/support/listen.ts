import { once } from 'node:events';
import type { AddressInfo, Server, Socket } from 'node:net';
import { atEnd } from './at-end.ts';

/** Has a server of the test's own listen on a free loopback port. It is gone, with its connections, when the file ends. */
export async function listen(server: Server): Promise<number> {
  const sockets: Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as AddressInfo).port;
}
