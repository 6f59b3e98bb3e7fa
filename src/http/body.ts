import type { IncomingMessage } from 'node:http';
import { BadRequest, Unavailable } from '../errors.ts';

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/** What all bodies share: the bytes that they may still take together. */
export interface Room {
  /** Up to USUAL of each. */
  usual: number;
  /** What is beyond that. */
  large: number;
}

/** The bytes of a body as they came. Whoever is done with them disposes of them, and gives their room back. */
export interface Body extends Disposable {
  readonly bytes: Buffer;
}

/** An event has 4 to 20 kB, and is never turned away for the large bodies of others. */
const USUAL = 64 * 1024;

/** A chunk of one byte takes some 200 of memory: 4 senders of such chunks, with 24 MB in all, took 1 GB. */
const MOST_CHUNKS = 500;

/**
 * What is beyond `limit` is read and thrown away, so that the sender can read its answer.
 * @throws {BodyTooLarge}
 * @throws {Unavailable} when others have taken all the room (500 senders of 1 MiB took 500 MiB, and 5,000 of 64 KiB 360)
 * @throws {BadRequest} for a compressed body, which could grow without end (Stripe sends none), and for one that breaks off
 */
export async function readBody(req: IncomingMessage, limit: number, room: Room): Promise<Body> {
  if ((req.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new BadRequest('bad_request', 'A compressed body is not read.');
  }
  // At once, without reading: a sender that waits for the answer before it sends the body was told 408, 14 s later.
  if (Number(req.headers['content-length']) > limit) throw new BodyTooLarge('the body is too large');
  const { promise, resolve, reject } = Promise.withResolvers<Body>();
  let chunks: Buffer[] = [];
  let size = 0;
  const taken: Room = { usual: 0, large: 0 };
  let refused = false;
  const take = (bytes: Room) => {
    room.usual -= bytes.usual;
    room.large -= bytes.large;
    taken.usual += bytes.usual;
    taken.large += bytes.large;
  };
  const giveBack = () => take({ usual: -taken.usual, large: -taken.large });
  const refuse = (error: Error) => {
    refused = true;
    chunks = [];
    giveBack();
    reject(error);
  };
  req.on('data', (chunk: Buffer) => {
    if (refused) return;
    size += chunk.length;
    const large = Math.max(0, Math.min(size - USUAL, chunk.length));
    const usual = chunk.length - large;
    if (size > limit) return refuse(new BodyTooLarge('the body is too large'));
    if (large > room.large || usual > room.usual)
      return refuse(new Unavailable('other bodies have taken all the room'));
    take({ usual, large });
    chunks.push(chunk);
    if (chunks.length === MOST_CHUNKS) chunks = [Buffer.concat(chunks)];
  });
  req.once('end', () => {
    const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    resolve({ bytes, [Symbol.dispose]: giveBack });
  });
  req.once('error', () => refuse(new BadRequest('body_incomplete', 'The body broke off.')));
  return promise;
}
