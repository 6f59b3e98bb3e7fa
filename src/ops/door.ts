import type { Request, RequestHandler, Response } from 'express';
import { html } from 'hono/html';
import { parse } from 'hono/utils/cookie';
import { bearerOf, type Guard, isOpenTo, isSame, refuseAll, refuseToken } from '../http/access.ts';
import type { Guesses } from './guesses.ts';
import { send } from './pages/send.ts';
import { SESSION_MS, type Session, type Sessions } from './session.ts';

interface Visitor {
  /** As `ops_actions` keeps it. */
  readonly actor: string;
  /** Null for the bearer of a token, which no browser sends by itself. */
  readonly session: Session | null;
}

interface Door {
  /** Lets in whoever may see /ops, and sends a browser without a session to the login form. */
  readonly enter: RequestHandler;
  /** Gives a browser a session before its login: the form of the login page carries that session's token. */
  readonly issue: RequestHandler;
  /** Refuses what was posted from anywhere but a form of this session. */
  readonly guardForms: RequestHandler;
  logIn(req: Request, res: Response): 'in' | 'wrong' | { readonly waitSeconds: number };
  logOut(res: Response): void;
}

interface Dependencies extends Guard {
  readonly sessions: Sessions;
  readonly guesses: Guesses;
}

export function openDoor({ token, production, sessions, guesses }: Dependencies): Door {
  /** Browsers keep a cookie whose name begins so to HTTPS, and let no plain page of the host set it. */
  const cookieName = production ? '__Secure-ops' : 'ops';
  const cookie = { httpOnly: true, sameSite: 'strict', secure: production, path: '/ops' } as const;

  const sessionOf = (req: Request) => sessions.open(cookieOf(req, cookieName));
  const begin = (res: Response, name: string | null): Session => {
    const session = sessions.begin(name);
    res.cookie(cookieName, sessions.seal(session), { ...cookie, maxAge: SESSION_MS });
    return session;
  };
  const letIn = (res: Response, visitor: Visitor) => {
    res.locals.visitor = visitor;
  };

  const issue: RequestHandler = (req, res, next) => {
    if (token === null && !isOpenTo(req, production)) return refuseAll(res);
    const session = sessionOf(req);
    // Its session may be there all the same, and a new one would end it.
    if (session === null && isFromElsewhere(req)) return comeAgain(req, res);
    letIn(res, { actor: 'ops', session: session ?? begin(res, null) });
    next();
  };

  return {
    issue,

    enter(req, res, next) {
      if (token === null) return issue(req, res, next);
      const bearer = bearerOf(req);
      if (bearer !== null) {
        if (!isSame(bearer, token)) return refuseToken(res);
        letIn(res, { actor: 'ops', session: null });
        return next();
      }
      const session = sessionOf(req);
      if (session?.name) {
        letIn(res, { actor: `ops:${session.name}`, session });
        return next();
      }
      const isPost = req.method !== 'GET';
      if (req.baseUrl === '/ops/api' || !isOfBrowser(req) || (isPost && !isOfThisSite(req)))
        return refuseToken(res);
      if (isFromElsewhere(req)) return comeAgain(req, res);
      res.redirect(303, `/ops/login?to=${encodeURIComponent(pageOf(req))}`);
    },

    guardForms(req, res, next) {
      const { session } = visitorOf(res);
      if (['GET', 'HEAD'].includes(req.method) || session === null) return next();
      if (isOfThisSite(req) && isSame(String(req.body?.form_token ?? ''), sessions.formToken(session)))
        return next();
      const hint =
        production && cookieOf(req, cookieName) === undefined
          ? 'The browser sent no cookie: it keeps that of these pages over HTTPS alone.'
          : 'Go back, load the page anew and try again.';
      next(new StaleForm(`The form is not of this session. ${hint}`));
    },

    logIn(req, res) {
      const waitSeconds = guesses.wait();
      if (waitSeconds > 0) return { waitSeconds };
      const given = { token: String(req.body?.token ?? ''), name: String(req.body?.name ?? '') };
      if (token === null || !isSame(given.token.trim(), token)) {
        guesses.wrong();
        return 'wrong';
      }
      begin(res, nameOf(given.name));
      return 'in';
    },

    logOut(res) {
      res.clearCookie(cookieName, cookie);
    },
  };
}

/** The characters of names alone, and of an address what stands before its @: `ops_actions` holds no address. */
function nameOf(given: string): string {
  const [name = ''] = given.slice(0, 40).split('@');
  return name.replace(/[^\p{L}\p{M}\p{N} .'_-]+/gu, '').trim() || 'unnamed';
}

export function visitorOf(res: Response): Visitor {
  return res.locals.visitor;
}

/** A form that was posted from another site, or from a session that has ended. */
export class StaleForm extends Error {
  override readonly name = 'StaleForm';
}

/** A program that follows redirects would take the login form, and its 200, for the page. Browsers ask for text/html by name. */
function isOfBrowser(req: Request): boolean {
  return (req.get('accept') ?? 'text/html').includes('text/html');
}

/** The page asked for, or that of a button which was pressed after the session had ended: it shows that nothing was done. */
function pageOf({ originalUrl }: Request): string {
  return originalUrl.replace(/\/(retry|close|replay|retry-dead|logout)$/, '');
}

/** Whoever follows a link in a chat or a mail comes without the cookie, since it is SameSite=Strict. */
function isFromElsewhere(req: Request): boolean {
  return req.method === 'GET' && req.get('sec-fetch-site') === 'cross-site';
}

/** This page asks for the same address once more, now from this site, and the cookie comes along. */
function comeAgain({ originalUrl }: Request, res: Response): Promise<void> {
  const page = html`<!doctype html><title>One moment</title><meta http-equiv="refresh" content="0; url=${originalUrl}">`;
  return send(res, page);
}

/**
 * Whether a request comes from this site, as far as the browser says. Old browsers, and all over plain HTTP, say it by
 * Origin alone: that is held against Host for want of better, since behind a proxy Host may be another one. The form's
 * token decides in any case.
 */
export function isOfThisSite(req: Request): boolean {
  const site = req.get('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = req.get('origin');
  return origin === undefined || URL.parse(origin)?.host === req.get('host');
}

/** Decoded, where it is encoded as a part of a URL is. */
export function cookieOf(req: Request, name: string): string | undefined {
  return parse(req.get('cookie') ?? '', name)[name];
}
