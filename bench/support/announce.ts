import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on a free port and says so in the words of the service, which the rig waits for. */
export function announce(app: RequestListener): void {
  const server = createServer(app).listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`${JSON.stringify({ msg: `listening on http://127.0.0.1:${port}` })}\n`);
  });
}
