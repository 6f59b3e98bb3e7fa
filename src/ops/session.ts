import { createHmac, randomBytes, randomUUID, scryptSync } from 'node:crypto';
import { isSame } from '../http/access.ts';

/** A browser's, from the first page on. The cookie carries it, signed: no process keeps any, so any of them may be asked. */
export interface Session {
  readonly id: string;
  /** Who logged in, by their own word; null for whoever has not. */
  readonly name: string | null;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
}

export interface Sessions {
  begin(name: string | null): Session;
  /** What the cookie holds. */
  seal(session: Session): string;
  /** Null for what was not sealed here, or has ended. */
  open(sealed: string | undefined): Session | null;
  /** What every form of the session carries, and no other page can know. */
  formToken(session: Session): string;
}

/** Of scrypt; for a moment it takes 32 MB. */
const SLOW = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };

/** A day's work. */
export const SESSION_MS = 12 * 60 * 60 * 1_000;

/**
 * Sessions that end with the token that they were begun under; without a token, with the process. Anyone is given a cookie, and
 * can try tokens on it at home, so its key is made slowly: 0.1 s a try, where a plain digest let 50,000 a second be tried.
 */
export function openSessions(token: string | null): Sessions {
  const key = token === null ? randomBytes(32) : scryptSync(token, 'sessions of /ops', 32, SLOW);
  const sign = (text: string) => createHmac('sha256', key).update(text).digest('base64url');
  return {
    begin: (name) => ({ id: randomUUID(), name, endsAt: Date.now() + SESSION_MS }),
    seal(session) {
      const text = Buffer.from(JSON.stringify(session)).toString('base64url');
      return `${text}.${sign(text)}`;
    },
    open(sealed) {
      const [text = '', signature = ''] = sealed?.split('.') ?? [];
      if (!isSame(signature, sign(text))) return null;
      const session: Session = JSON.parse(Buffer.from(text, 'base64url').toString());
      return session.endsAt > Date.now() ? session : null;
    },
    formToken: ({ id }) => sign(`form of ${id}`),
  };
}
