import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server of the sandbox's own, on a free port of this machine that nobody else reaches. */
export interface LoopbackServer {
  readonly url: string;
  close(): Promise<void>;
}

/** @param wish the port that it takes if that is free */
export async function serveOnLoopback(listener: RequestListener, wish = 0): Promise<LoopbackServer> {
  const server = createServer(listener);
  const listen = async (port: number) => once(server.listen(port, '127.0.0.1'), 'listening');
  await listen(wish).catch(() => listen(0));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
