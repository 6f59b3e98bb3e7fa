import express, { type Router } from 'express';
import { isReadOnlyError } from '../db/errors.ts';
import type { Knex } from '../db/knex.ts';
import { expectChangesTaken, pendingMigrations } from '../db/migrations.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { sharing } from './sharing.ts';

interface Dependencies {
  readonly db: Knex;
  /** What a person has to see to. A restart would mend none of it, so the process is ready all the same. */
  readonly notes: () => readonly string[];
  readonly log: Logger;
}

/** `/healthz`: the process lives. `/readyz`: its database answers, takes changes, and has every migration. */
export function healthRouter({ db, notes, log }: Dependencies): Router {
  const router = express.Router();
  const pending = sharing(() => examine(db));
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

/** The migrations that are missing. @throws where the database does not answer, or has them all and takes no changes */
async function examine(db: Knex): Promise<string[]> {
  const pending = await pendingMigrations(db);
  if (pending.length === 0) await expectChangesTaken(db);
  return pending;
}
