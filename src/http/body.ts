import type { IncomingMessage } from 'node:http';
import { BadRequest } from '../errors.ts';

/** The body has more bytes than are taken. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/**
 * The bytes of a body as they came. What is beyond `limit` is read and thrown away, so that the sender can read its answer.
 * @throws {BodyTooLarge}
 * @throws {BadRequest} for a compressed body, which could grow without end (Stripe sends none), and for one that breaks off
 */
export async function readBody(req: IncomingMessage, limit: number): Promise<Buffer> {
  if (!['identity', undefined].includes(req.headers['content-encoding'])) {
    throw new BadRequest('bad_request', 'A compressed body is not read.');
  }
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= limit) chunks.push(chunk);
    else {
      chunks.length = 0;
      reject(new BodyTooLarge('the body is too large'));
    }
  });
  req.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
  req.once('error', (cause) => reject(new BadRequest('body_incomplete', 'The body broke off.', { cause })));
  return promise;
}
