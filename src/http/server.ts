import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface HttpServer {
  readonly url: string;
  /** Takes no new connections, and resolves when the requests under way have their answers. */
  close(): Promise<void>;
}

/**
 * Slow senders are cut off: with these figures (milliseconds) a request has come whole within 14 s, or its socket is closed.
 * An idle connection is kept for longer than a proxy keeps it (nginx and AWS's load balancers: 60 s): with Node's 5 s, a
 * request now and then meets one that is just being closed, and the proxy answers 502.
 */
const timeouts = {
  headersTimeout: 10_000,
  requestTimeout: 12_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 65_000,
};

/**
 * Who asks and doesn't read loses its socket after once or twice this (milliseconds; Node looks twice whether bytes still go
 * out), instead of keeping it for ever. No answer takes so long to begin.
 */
const UNREAD_FOR_MS = 15_000;

/**
 * Connections that wait to be accepted; the kernel allows for 4,096 at most (net.core.somaxconn). Of 3,000 that came at
 * once, Node's 511 turned 519 away until the kernel had repeated them, seconds later; with these, none.
 */
const BACKLOG = 4_096;

/** What answers may still take once the server closes: more than the longest that it allows itself for a webhook. */
const CLOSE_WITHIN_MS = 5_000;

/** @throws the listen error, such as a port that is taken */
export async function listen(
  app: RequestListener,
  address: { host: string; port: number },
): Promise<HttpServer> {
  // The last one of each connection, and no Set of those under way: a Set that changes with each request leaves a trail of
  // outgrown tables, each of which points to the next. One that has grown old keeps alive what the others held until the
  // whole heap is marked (of 25 MB, a scavenge copied 3.3 instead of 0.8).
  const answers = new Map<Socket, ServerResponse>();
  const server = createServer(timeouts, (req, res) => {
    const before = answers.get(req.socket);
    answers.set(req.socket, res);
    if (!server.listening) res.setHeader('Connection', 'close');
    if (res.socket !== null) return app(req, res);
    // Pipelined: its turn comes once the answer before it is out, and never where the sender is gone by then. Begun at once, as
    // Node does it, 4,000 requests for a file in 20 connections left 4,000 files open, and 750 kB of requests took the heap.
    before?.once('close', () => res.socket !== null && app(req, res));
  });
  server.timeout = UNREAD_FOR_MS;
  server.on('connection', (socket) => socket.once('close', () => answers.delete(socket)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...address, backlog: BACKLOG }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { url: originOf(address.host, port), close: () => close(server, answers.values()) };
}

/** An IPv6 address stands in brackets in a URL. */
export function originOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Node leaves a connection open on which a client keeps sending, so each is told that its answer is the last one. */
function close(server: Server, answers: Iterable<ServerResponse>): Promise<void> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
    server.close(() => {
      clearTimeout(patience);
      resolve();
    });
    for (const res of answers) if (!res.headersSent) res.setHeader('Connection', 'close');
  });
}
