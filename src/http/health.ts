import express, { type Router } from 'express';
import { isReadOnlyError } from '../db/errors.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Readiness } from './readiness.ts';

interface Dependencies {
  readonly pending: Readiness;
  /** What a person has to see to. A restart would mend none of it, so the process is ready all the same. */
  readonly notes: () => readonly string[];
  readonly log: Logger;
}

/** `/healthz`: the process lives. `/readyz`: its database answers, takes changes, and has every migration. */
export function healthRouter({ pending, notes, log }: Dependencies): Router {
  const router = express.Router();
  router.get('/healthz', (_req, res) => {
    res.json({ status: 'ok' });
  });
  router.get('/readyz', async (_req, res) => {
    try {
      if ((await pending()).length === 0) {
        const noted = notes();
        return void res.json({ status: 'ready', ...(noted.length > 0 && { notes: noted }) });
      }
      res.status(503).json({ status: 'not_ready', reason: 'migrations_pending' });
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'not ready');
      const reason = isReadOnlyError(error) ? 'database_read_only' : 'database_unreachable';
      res.status(503).json({ status: 'not_ready', reason });
    }
  });
  return router;
}
