import express, { type Express, type Router } from 'express';
import type { Logger } from '../logger.ts';
import { answerErrors, notFound } from './errors.ts';

/** Assembly apart from listening: the routers of this process's role, and what every answer shares. */
export function createApp(routers: readonly Router[], log: Logger): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  for (const router of routers) app.use(router);
  app.use(notFound, answerErrors(log));
  return app;
}
