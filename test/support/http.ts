import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { atEnd } from './at-end.ts';
import { listen } from './listen.ts';
import { until } from './until.ts';

/** A server of the test's own on a free loopback port, gone when the file ends. */
export async function serve(handle: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
  const port = await listen(createServer((req, res) => void handle(req, res)));
  return `http://127.0.0.1:${port}`;
}

export function answerJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** An address where nobody listens. */
export async function closedUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}/`;
}

const LISTENER = `
  const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    console.log(server.address().port);
    process.kill(process.pid, 'SIGSTOP');
  });`;

/**
 * An address that drops the packets of whoever connects, as a firewall does: it is that of a process which stands still, and
 * as many wait there as may. On Linux alone.
 */
export async function silentUrl(): Promise<string> {
  const child = spawn(process.execPath, ['-e', LISTENER], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = await once(child.stdout, 'data');
  const port = Number(line);
  const callers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  atEnd(() => {
    child.kill('SIGKILL');
    for (const caller of callers) caller.destroy();
  });
  await until('as many wait as may', () => callers.filter(({ connecting }) => !connecting).length >= 2);
  return `http://127.0.0.1:${port}`;
}
