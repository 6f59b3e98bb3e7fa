import express, { type ErrorRequestHandler, type Request, type Response, type Router } from 'express';
import Stripe from 'stripe';
import { BadRequest, faultOf, messageOf } from '../errors.ts';
import type { Guard } from '../http/access.ts';
import { answerErrors, isUnreadable, notFound } from '../http/errors.ts';
import type { Logger } from '../logger.ts';
import { apiRouter } from './api/routes.ts';
import { cookieOf, openDoor, StaleForm, visitorOf } from './door.ts';
import { countGuesses } from './guesses.ts';
import { NotFound } from './identify.ts';
import type { Live } from './live.ts';
import type { Sources } from './look-up.ts';
import { neverStored, noSuchPage, pageHeaders, staticFiles } from './page-handlers.ts';
import { messagePage, type Reader } from './pages/layout.ts';
import { loginPage } from './pages/login.ts';
import { pagesRouter } from './pages/routes.ts';
import { send } from './pages/send.ts';
import { PayloadGone } from './replay.ts';
import { openSessions } from './session.ts';

interface Dependencies extends Guard, Sources {
  readonly live: Live;
  readonly mode: Reader['mode'];
  readonly log: Logger;
}

/** The pages for people, under /ops. */
export function opsRouter({ token, production, db, stripe, live, mode, log }: Dependencies): Router {
  const sessions = openSessions(token);
  const door = openDoor({ token, production, sessions, guesses: countGuesses() });
  const readerOf = (req: Request, res: Response): Reader => {
    const { session = null } = visitorOf(res) ?? {};
    return {
      zone: zoneOf(req),
      formToken: session && sessions.formToken(session),
      name: session?.name ?? null,
      mode,
    };
  };

  const router = express.Router();
  router.use(pageHeaders());
  router.use('/static', staticFiles(import.meta.dirname));
  router.use(neverStored);
  const api = apiRouter({ db, stripe, livemode: mode === 'live' });
  router.use('/api', door.enter, api, notFound, answerErrors(log));
  router.use(express.urlencoded({ extended: false, limit: '10kb', parameterLimit: 20 }));

  router.get('/login', door.issue, async (req, res) => {
    if (token === null) return res.redirect(303, '/ops');
    await send(res, loginPage({ to: pathWithin(req.query.to) }, readerOf(req, res)));
  });
  router.post('/login', door.issue, door.guardForms, async (req, res) => {
    const to = pathWithin(req.body.to);
    const became = door.logIn(req, res);
    if (became === 'in') return res.redirect(303, to);
    log.warn('a wrong token was given at the login form of /ops');
    const refusal =
      became === 'wrong'
        ? 'That is not the token.'
        : `Too many wrong tokens. Try again in ${became.waitSeconds} s.`;
    if (became === 'wrong') res.status(401);
    else res.status(429).set('Retry-After', String(became.waitSeconds));
    await send(res, loginPage({ to, name: String(req.body.name ?? ''), refusal }, readerOf(req, res)));
  });

  router.use(door.enter, door.guardForms);
  router.post('/logout', (_req, res) => {
    door.logOut(res);
    res.redirect(303, '/ops/login');
  });
  router.get('/live', live.handler);
  router.use(pagesRouter({ db, stripe, livemode: mode === 'live', sandbox: mode === 'sandbox', readerOf }));

  const answerWithPage: ErrorRequestHandler = async (error, req, res, next) => {
    if (res.headersSent) return next(error);
    const { status, ...message } = explain(error);
    if (status === 503)
      log.warn({ reason: messageOf(error), ...faultOf(error) }, 'a page of /ops could not be made');
    res.status(status);
    await send(res, messagePage(message, readerOf(req, res)));
  };
  router.use(noSuchPage, answerWithPage);
  return express.Router().use('/ops', router);
}

/** Where a login leads: a page of ours, whatever the link said. */
function pathWithin(to: unknown): string {
  return typeof to === 'string' && /^\/ops(?:[/?]|$)/.test(to) ? to : '/ops';
}

/** The reader's zone, if their browser has named one that is known here. */
function zoneOf(req: Request): string {
  const named = cookieOf(req, 'ops_zone') ?? 'UTC';
  try {
    return new Intl.DateTimeFormat('en', { timeZone: named }).resolvedOptions().timeZone;
  } catch {
    return 'UTC';
  }
}

function explain(error: unknown): { status: number; title: string; text: string } {
  if (error instanceof NotFound) return { status: 404, title: 'Not found', text: error.message };
  if (error instanceof PayloadGone || error instanceof BadRequest)
    return { status: 409, title: 'Not possible', text: error.message };
  if (error instanceof StaleForm) return { status: 403, title: 'Not taken', text: error.message };
  if (isUnreadable(error))
    return { status: 400, title: 'Not understood', text: 'The request could not be read.' };
  if (error instanceof Stripe.errors.StripeError)
    return { status: 503, title: 'Not now', text: `Stripe could not be asked: ${error.message}` };
  const text =
    'The service could not answer: its database may be away, and its log says why. Try again in a moment.';
  return { status: 503, title: 'Not now', text };
}
