import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { listen } from './listen.ts';

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
