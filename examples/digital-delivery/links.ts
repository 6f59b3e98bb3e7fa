import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a link gives access to, and until when (milliseconds since 1970). */
export interface Download {
  readonly product: string;
  readonly expires: number;
}

/** Whoever has the link can download; nobody can make one, or alter it, without the secret. */
export function linkOf(download: Download, secret: string): string {
  const claim = Buffer.from(JSON.stringify(download)).toString('base64url');
  return `${claim}.${sealOf(claim, secret).toString('base64url')}`;
}

/** Null for a link that this secret did not make, or whose time is over. */
export function downloadOf(link: string, secret: string, now: number): Download | null {
  const [claim = '', seal = ''] = link.split('.');
  const given = Buffer.from(seal, 'base64url');
  const right = sealOf(claim, secret);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
  const download = JSON.parse(Buffer.from(claim, 'base64url').toString()) as Download;
  return download.expires > now ? download : null;
}

function sealOf(claim: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(claim).digest();
}
