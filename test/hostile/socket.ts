import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What goes over the wire, piece by piece. */
export interface Wire {
  readonly pieces: readonly (string | Buffer)[];
  /** It is a request from beginning to end, so it must be answered. What is not is ended after a moment. */
  readonly whole: boolean;
}

export interface Exchange {
  /** Of each answer, in order. */
  readonly statuses: readonly number[];
  /** All of them, as they came. */
  readonly text: string;
  /** False when the other side left the connection open. */
  readonly closed: boolean;
}

const PATIENCE_MS = 80;
const CLOSED_WITHIN_MS = 15_000;

export function connectTo(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect(Number(port), hostname).on('error', () => {});
}

/** Sends it on a connection of its own, and reads until the other side closes it. */
export async function exchange(url: string, { pieces, whole }: Wire): Promise<Exchange> {
  const socket = connectTo(url);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  let closed = false;
  const end = new Promise<void>((resolve) => {
    socket.once('close', () => {
      closed = true;
      resolve();
    });
  });
  for (const piece of pieces) socket.write(piece);
  if (!whole) {
    await Promise.race([end, pause(PATIENCE_MS)]);
    socket.end();
  }
  const patience = new AbortController();
  const { signal } = patience;
  await Promise.race([end, pause(CLOSED_WITHIN_MS, undefined, { signal }).catch(() => {})]);
  patience.abort();
  socket.destroy();
  const text = Buffer.concat(chunks).toString('latin1');
  const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  return { statuses: statuses.filter((status) => status >= 200), text, closed };
}
