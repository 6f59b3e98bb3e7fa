import express, { type Express, type RequestHandler, type Router } from 'express';
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

/** Express takes /METRICS and /metrics#x for /metrics. A proxy that keeps the one from the internet lets the others through. */
const asProxiesReadIt: RequestHandler = (req, res, next) =>
  /^\/[^/]*[A-Z]/.test(req.path) || req.url.includes('#') ? notFound(req, res, next) : next();

/** Assembly apart from listening: the routers of this process's role, and what every answer shares. */
export function createApp(routers: readonly Router[], log: Logger): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(headers, asProxiesReadIt);
  // OPTIONS is answered as any other method that a route has not: Express itself would tell which it has before a token
  // is asked for. The path is a regular expression, since by a pattern with a name Express would decode the path of each
  // request, and refuse one that it can't decode before a page could say so.
  app.options(/^/, notFound);
  for (const router of routers) app.use(router);
  app.use(notFound, answerErrors(log));
  return app;
}
