import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { requestsInTurn } from './in-turn.ts';

/**
 * Slow senders are cut off: with these figures (milliseconds) a request has come whole within 14 s, or its socket is closed.
 * An idle connection is kept for longer than a proxy keeps it (nginx and AWS's load balancers: 60 s, Traefik and Heroku: 90 s,
 * Caddy: 2 min, Google's load balancers: 10 min). Else a request now and then meets one that is just being closed, and the
 * proxy answers 502: of 1,000 that came within 0.3 s around the end of theirs, on one machine, 2 and 5.
 */
const timeouts = {
  headersTimeout: 10_000,
  requestTimeout: 12_000,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 620_000,
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

/** What answers may still take once the server closes: more than any answer of the webhook takes. */
const CLOSE_WITHIN_MS = 5_000;

/** Where connections come faster than they are accepted, the rest of them is reset after this. */
const ACCEPT_WITHIN_MS = 1_000;

/** @throws the listen error, such as a port that is taken */
export async function listen(app: RequestListener, address: { host: string; port: number }) {
  const turns = requestsInTurn();
  const server = createServer(timeouts);
  let closing = false;
  turns.listenOn(server, (req, res) => {
    if (closing) res.setHeader('Connection', 'close');
    app(req, res);
  });
  server.timeout = UNREAD_FOR_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...address, backlog: BACKLOG }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: originOf(address.host, port),
    /** Takes the connections that wait, no new ones after that, and resolves when all requests have their answers. */
    close(): Promise<void> {
      closing = true;
      return close(server, turns.answers());
    },
  };
}

/** Where this machine reaches what listens so. */
export function originHere({ host, port }: { host: string; port: number }): string {
  return originOf(host === '0.0.0.0' ? '127.0.0.1' : host, port);
}

/** An IPv6 address stands in brackets in a URL. */
export function originOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Node leaves a connection open on which a client keeps sending, so each is told that its answer is the last one. */
async function close(server: Server, answers: readonly ServerResponse[]): Promise<void> {
  const patience = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  for (const res of answers) if (!res.headersSent) res.setHeader('Connection', 'close');
  await acceptWaiting(server);
  await new Promise((resolve) => server.close(resolve));
  clearTimeout(patience);
}

/**
 * Node accepts one connection a turn of its loop. The kernel resets those that wait when their server closes, with what they
 * have brought: of 60 requests, each in a new connection and sent whole 50 ms before SIGTERM, 58.
 */
async function acceptWaiting(server: Server): Promise<void> {
  const giveUp = performance.now() + ACCEPT_WITHIN_MS;
  let quiet = 0;
  server.on('connection', () => {
    quiet = 0;
  });
  // The first turn may be the rest of one that has looked for connections already.
  while (quiet < 2 && performance.now() < giveUp) {
    quiet += 1;
    await turnOfTheLoop();
  }
}
