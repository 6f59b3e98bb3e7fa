import { hash, timingSafeEqual } from 'node:crypto';
import { BlockList } from 'node:net';
import type { RequestHandler } from 'express';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');
loopback.addSubnet('::ffff:127.0.0.0', 104, 'ipv6');

/** Lets in whoever has the token. Without a token: whoever calls from this machine, and nobody in production. */
export function opsAccess({
  token,
  production,
}: {
  token: string | null;
  production: boolean;
}): RequestHandler {
  return (req, res, next) => {
    if (token === null) {
      if (!production && isLoopback(req.socket.remoteAddress ?? '')) return next();
      return void res.status(403).json({ error: { code: 'forbidden', message: 'OPS_TOKEN is not set.' } });
    }
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '') ?? [];
    if (isSame(given, token)) return next();
    res
      .status(401)
      .set('WWW-Authenticate', 'Bearer')
      .json({ error: { code: 'unauthorized', message: 'The bearer token is missing or wrong.' } });
  };
}

function isLoopback(address: string): boolean {
  return loopback.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
}

/** In a time that tells nothing of the token: what is compared are digests of one length. */
function isSame(given: string, token: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', token, 'buffer'));
}
