import express, { type Express, type Router } from 'express';
import helmet from 'helmet';
import type { Logger } from '../logger.ts';
import { answerErrors, notFound } from './errors.ts';

/** For answers that are data: should a browser take one for a page, it may load, run, send and be framed by nothing. */
const headers = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // What else runs below the shop's own host is not for this service to decide.
  strictTransportSecurity: { includeSubDomains: false },
  xFrameOptions: { action: 'deny' },
});

/** Assembly apart from listening: the routers of this process's role, and what every answer shares. */
export function createApp(routers: readonly Router[], log: Logger): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(headers);
  for (const router of routers) app.use(router);
  app.use(notFound, answerErrors(log));
  return app;
}
