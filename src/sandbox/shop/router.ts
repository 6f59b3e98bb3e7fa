import express, { type ErrorRequestHandler, type RequestHandler, type Router } from 'express';
import type { Config } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { isOpenTo } from '../../http/access.ts';
import { refuse } from '../../http/answer.ts';
import { isUnreadable } from '../../http/errors.ts';
import type { Logger } from '../../logger.ts';
import { isOfThisSite } from '../../ops/door.ts';
import { NotFound } from '../../ops/identify.ts';
import { openLive } from '../../ops/live.ts';
import { neverStored, noSuchPage, pageHeaders, staticFiles } from '../../ops/page-handlers.ts';
import { send } from '../../ops/pages/send.ts';
import { openEvents } from '../events.ts';
import { openReceiverFiles } from '../receiver.ts';
import { openSessions } from '../sessions.ts';
import { openCourier } from './courier.ts';
import { openJournal } from './journal.ts';
import { messagePage } from './layout.ts';
import { sandboxPulse } from './pulse.ts';
import { routes } from './routes.ts';
import type { Stage } from './stage.ts';

export interface Dependencies extends Pick<Stage, 'db' | 'stripe' | 'receives'> {
  readonly log: Logger;
}

export interface SandboxShop {
  readonly router: Router;
  /** Gives up what is still to be delivered, and ends the streams that keep the server open. */
  stop(): void;
}

/** Stripe's first pause is longer, but here a person waits. */
const AGAIN_AFTER_MS = 3_000;

/** The shop under /sandbox, for whoever sits at this machine. */
export async function openSandboxShop(
  config: Config,
  { db, stripe, receives, log }: Dependencies,
): Promise<SandboxShop> {
  const dir = `${config.dataDir}/sandbox`;
  const journal = openJournal();
  const receiver = await openReceiverFiles(dir);
  const courier = openCourier({ events: await openEvents(dir), journal, log, againAfterMs: AGAIN_AFTER_MS });
  const live = openLive({ pulse: sandboxPulse(db, journal, receiver), log });

  const router = express.Router();
  // Mails are shown in a frame.
  router.use(pageHeaders({ frames: true }), forThisMachine(config.production));
  router.use('/static', staticFiles(import.meta.dirname));
  router.use(neverStored);
  router.use(express.urlencoded({ extended: false, limit: '20kb', parameterLimit: 100 }));
  router.get('/live', live.handler);
  const stage = {
    db,
    stripe,
    sessions: await openSessions(dir),
    journal,
    courier,
    receiver,
    receives,
    webhookSecret: config.stripe.webhookSecrets[0] as string,
    opsToken: config.opsToken,
    shop: config.shop,
  };
  router.use(routes(stage));
  const answerWithPage: ErrorRequestHandler = async (error, _req, res, next) => {
    if (res.headersSent) return next(error);
    if (error instanceof NotFound)
      return await send(res.status(404), messagePage({ title: 'Not found', text: error.message }));
    if (isUnreadable(error)) {
      const text = 'The request could not be read.';
      return await send(res.status(400), messagePage({ title: 'Not understood', text }));
    }
    log.warn({ reason: messageOf(error) }, 'a page of /sandbox could not be made');
    const text = 'The service’s log says why. Try again in a moment.';
    await send(res.status(503), messagePage({ title: 'Not now', text }));
  };
  router.use(noSuchPage, answerWithPage);
  return {
    router: express.Router().use('/sandbox', router),
    stop() {
      courier.stop();
      live.stop();
    },
  };
}

/** Whoever sits at this machine, and no page elsewhere in their browser. */
function forThisMachine(production: boolean): RequestHandler {
  return (req, res, next) => {
    if (isOpenTo(req, production) && (req.method === 'GET' || isOfThisSite(req))) return next();
    refuse(res, 403, 'forbidden', 'The sandbox is for this machine alone.');
  };
}
