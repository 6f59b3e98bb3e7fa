import { connect } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Delivery } from './events.ts';

/** What a load met. Latencies are milliseconds from the write (or, where every socket was busy, from the due time) to the answer. */
export interface Load {
  readonly answers: Readonly<Record<number, number>>;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

interface Target {
  readonly url: string;
  readonly connections: number;
  /** Told of every answer, for a load whose answers differ. */
  readonly onAnswer?: (status: number, milliseconds: number) => void;
}

/** Every connection sends its next delivery when it has the answer to the last one. */
export async function saturate(target: Target, deliveries: readonly Delivery[]): Promise<Load> {
  const sockets = await open(target);
  const tally = newTally(target.onAnswer);
  let next = 0;
  await Promise.all(
    sockets.map(async (socket) => {
      for (let index = next++; index < deliveries.length; index = next++) {
        const begin = performance.now();
        tally.count(await socket.exchange(deliveries[index] as Delivery), begin);
      }
    }),
  );
  for (const socket of sockets) socket.close();
  return tally.result();
}

/** So many deliveries a second, whether the answers keep up or not: what waits for a socket is late from its due time on. */
export async function offer(
  target: Target,
  deliveries: Iterable<Delivery>,
  perSecond: number,
): Promise<Load> {
  const idle = await open(target);
  const tally = newTally(target.onAnswer);
  const sockets = [...idle];
  const waiting: { delivery: Delivery; due: number }[] = [];
  const exchanges = new Set<Promise<void>>();

  const sendOn = async (socket: Exchanger, delivery: Delivery, due: number): Promise<void> => {
    tally.count(await socket.exchange(delivery), due);
    const late = waiting.shift();
    if (late) return sendOn(socket, late.delivery, late.due);
    idle.push(socket);
  };

  const send = (delivery: Delivery): void => {
    // In turn: one that lay idle for a minute would be closed by the server.
    const socket = idle.shift();
    if (!socket) return void waiting.push({ delivery, due: performance.now() });
    const exchange = sendOn(socket, delivery, performance.now()).finally(() => exchanges.delete(exchange));
    exchanges.add(exchange);
  };

  const begin = performance.now();
  let sent = 0;
  for (const delivery of deliveries) {
    while (sent >= ((performance.now() - begin) * perSecond) / 1_000) await pause(1);
    send(delivery);
    sent += 1;
  }
  await Promise.all(exchanges);
  for (const socket of sockets) socket.close();
  return tally.result();
}

/** @throws where one of them is another */
export function expectAnswers(answers: Load['answers'], status: number): void {
  if (Object.keys(answers).join() !== String(status))
    throw new Error(`not all were answered ${status}: ${JSON.stringify(answers)}`);
}

function newTally(onAnswer?: Target['onAnswer']) {
  const begin = performance.now();
  const answers: Record<number, number> = {};
  const microseconds = createHistogram({ figures: 3 });
  let answered = 0;
  return {
    count(status: number, since: number): void {
      answers[status] = (answers[status] ?? 0) + 1;
      answered += 1;
      const milliseconds = performance.now() - since;
      microseconds.record(Math.max(1, Math.round(milliseconds * 1_000)));
      onAnswer?.(status, milliseconds);
    },
    result(): Load {
      const seconds = (performance.now() - begin) / 1_000;
      const at = (percentile: number) => microseconds.percentile(percentile) / 1_000;
      return {
        answers,
        perSecond: answered / seconds,
        p50: at(50),
        p99: at(99),
        p999: at(99.9),
        max: microseconds.max / 1_000,
      };
    },
  };
}

interface Exchanger {
  /** Sends one request and resolves with the status of its answer. */
  exchange(request: Buffer): Promise<number>;
  close(): void;
}

async function open({ url, connections }: Target): Promise<Exchanger[]> {
  const { hostname, port } = new URL(url);
  return Promise.all(Array.from({ length: connections }, () => exchangerAt(hostname, Number(port))));
}

/** An answer is some 200 bytes. */
const READ_AT_A_TIME = 4_096;

/**
 * As little HTTP as a sender needs, since it takes its share of the machine: node's own client costs several times as much.
 * Read into one buffer, without a stream: 20 us an event instead of 23.
 */
function exchangerAt(host: string, port: number): Promise<Exchanger> {
  return new Promise((connected, refused) => {
    let answered: (status: number) => void = () => {};
    let failed: (error: Error) => void = refused;
    let partial = '';
    const read = (bytes: number, buffer: Uint8Array): boolean => {
      const text = partial + (buffer as Buffer).toString('latin1', 0, bytes);
      partial = isWhole(text) ? '' : text;
      if (partial === '') answered(Number(text.slice(9, 12)));
      return true;
    };
    const onread = { buffer: Buffer.alloc(READ_AT_A_TIME), callback: read };
    const socket = connect({ host, port, noDelay: true, onread });
    socket.on('error', (error) => failed(error));
    socket.on('close', () => failed(new Error('the server closed the connection')));
    socket.on('connect', () =>
      connected({
        exchange: (request) =>
          new Promise((resolve, reject) => {
            answered = resolve;
            failed = reject;
            socket.write(request);
          }),
        close: () => socket.destroy(),
      }),
    );
  });
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0;
  return text.length >= end + 4 + Number(length);
}
