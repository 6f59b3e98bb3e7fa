import { type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';

interface Post {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the answer, with all of its body. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
}

/** Bytes of an answer. A new connection costs less than to read more than this, and a body may have no end. */
const WORTH_READING = 64 * 1024;

/** A piece of one byte keeps the thread as busy as one of some hundred. */
const LEAST_PIECE = 256;

/** Answers of status 1xx, which may come before the one that counts. */
const MOST_INTERIM = 100;

/** Connections of which the other side has said, by `Keep-Alive`, how long it keeps them. Node uses none beyond that. */
const announced = new WeakSet<Socket>();

/**
 * The head of the answer is what counts; no redirect is followed. On Node's own http, whose connections stay open: a call
 * took 60 us of CPU, with fetch and its signals 210.
 *
 * The other side may close such a connection at the moment it is used again: of calls to a receiver that closes each after its
 * answer without saying so, up to a half failed. So the same is sent anew, on the next connection or a fresh one. Whoever has
 * said how long it keeps the connection has broken it off on purpose, as it would a fresh one: that is for the next attempt.
 */
export function post(url: URL, { headers, body, timeoutMs, signal }: Post): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const began = performance.now();
    const length = Buffer.byteLength(body);
    const request = begin(url, { ...headers, 'content-length': length }, timeoutMs);
    const stop = () => request.destroy(signal.reason as Error);
    let isAnswered = false;
    signal.addEventListener('abort', stop);
    request.on('response', (response) => {
      isAnswered = true;
      const { statusCode: status = 0, headers, socket } = response;
      if (headers['keep-alive']) announced.add(socket);
      resolve({ status, retryAfter: headers['retry-after'] ?? null });
      // Read to its end, so that the connection can be used again, unless the end is far.
      let rest = WORTH_READING;
      response.on('error', () => {});
      response.on('data', (chunk: Buffer) => {
        rest -= Math.max(chunk.length, LEAST_PIECE);
        if (rest < 0) request.destroy();
      });
    });
    request.on('error', (error: NodeJS.ErrnoException) => {
      const { reusedSocket, socket } = request;
      const mayBeStale = reusedSocket && !announced.has(socket as Socket);
      if (isAnswered || !mayBeStale || error.code !== 'ECONNRESET') return reject(error);
      const left = Math.ceil(timeoutMs - (performance.now() - began));
      resolve(post(url, { headers, body, timeoutMs: left, signal }));
    });
    request.on('close', () => {
      signal.removeEventListener('abort', stop);
      reject(new Error('the connection was closed without an answer'));
    });
    request.end(body);
  });
}

/** Connects as `post` would, and sends nothing. @throws what keeps it from that */
export function expectConnection(url: URL, timeoutMs: number): Promise<void> {
  const connected = url.protocol === 'http:' ? 'connect' : 'secureConnect';
  return new Promise((resolve, reject) => {
    // Nothing goes out before the request's end, which never comes.
    const request = begin(url, {}, timeoutMs);
    request.on('socket', (socket) =>
      socket.once(connected, () => {
        resolve();
        socket.end();
      }),
    );
    request.on('error', reject);
  });
}

/** A POST that is over, one way or the other, within the time. */
function begin(
  url: URL,
  headers: Readonly<Record<string, string | number>>,
  timeoutMs: number,
): ClientRequest {
  const send = url.protocol === 'http:' ? requestHttp : requestHttps;
  const request = send(url, { method: 'POST', headers });
  const timer = setTimeout(() => request.destroy(new Error(`timeout of ${timeoutMs} ms`)), timeoutMs);
  let interim = 0;
  // Ten calls that were answered so without end kept the thread so busy that a delivery waited 7 s for its answer.
  request.on('information', () => {
    interim += 1;
    if (interim > MOST_INTERIM) request.destroy(new Error(`more than ${MOST_INTERIM} interim answers`));
  });
  return request.on('close', () => clearTimeout(timer));
}
