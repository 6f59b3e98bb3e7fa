import { hash, timingSafeEqual } from 'node:crypto';
import { BlockList } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { refuse } from './answer.ts';

const loopback = new BlockList();
// Written as an IPv6 address, too.
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Who may come in, as `opsAccess` and the pages under /ops have it. */
export interface Guard {
  /** Null: whoever calls from this machine, and nobody in production. */
  readonly token: string | null;
  readonly production: boolean;
}

/** Lets in whoever has the token. Without a token: whoever calls from this machine, and nobody in production. */
export function opsAccess({ token, production }: Guard): RequestHandler {
  return (req, res, next) => {
    if (token === null) return isOpenTo(req, production) ? next() : refuseAll(res);
    if (isSame(bearerOf(req) ?? '', token)) return next();
    refuseToken(res);
  };
}

/**
 * Where no token is set, this machine is let in by its address, and must have called by a name of its own: a page elsewhere
 * can give its own name this machine's address (DNS rebinding), and read what the browser then takes for its own.
 */
export function isOpenTo(req: Request, production: boolean): boolean {
  return !production && isLoopback(req.socket.remoteAddress ?? '') && isLocalName(req.hostname ?? '');
}

export function refuseAll(res: Response): void {
  const message = 'OPS_TOKEN is not set: only callers on this machine are let in, and none in production.';
  refuse(res, 403, 'forbidden', message);
}

/**
 * A wrong token is refused at once, however often. To slow wrong ones down would hinder nobody who guesses, as the right
 * one has to be let in at any time: the shop's own calls must come in beside any number of guesses. What protects is the
 * token's length, of which doctor warns. The login form can slow guesses down (src/ops/guesses.ts), since there a person
 * waits with a right token too.
 */
export function refuseToken(res: Response): void {
  res.set('WWW-Authenticate', 'Bearer');
  refuse(res, 401, 'unauthorized', 'The bearer token is missing or wrong.');
}

export function bearerOf(req: Request): string | null {
  return /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '')?.[1] ?? null;
}

/** In a time that tells nothing of the secret: what is compared are digests of one length. */
export function isSame(given: string, secret: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', secret, 'buffer'));
}

function isLoopback(address: string): boolean {
  return loopback.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

/**
 * Names that mean this machine, and its addresses: DNS rebinding needs a name of the attacker's own. 0.0.0.0 and [::] are
 * among them since the log names the pages so where they are HOST.
 */
function isLocalName(name: string): boolean {
  return ['localhost', '[::1]', '0.0.0.0', '[::]'].includes(name) || /^127(\.\d{1,3}){3}$/.test(name);
}
