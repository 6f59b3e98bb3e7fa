import path from 'node:path';
import express, { type RequestHandler } from 'express';
import helmet from 'helmet';
import { NotFound } from './identify.ts';

/** What the pages of /ops and those of the sandbox have in common. */

/**
 * Headers of pages. Nothing but what this server sends itself: no script in a page, no frame around it, no form to elsewhere.
 * @param frames pages may hold frames, of this server's own
 */
export function pageHeaders({ frames = false } = {}): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        ...(frames && { frameSrc: ["'self'"] }),
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // As for all answers (src/http/app.ts).
    strictTransportSecurity: { includeSubDomains: false },
    // 'no-referrer', helmet's own, makes browsers hide where a form comes from, from us too.
    referrerPolicy: { policy: 'same-origin' },
  });
}

/** The scripts, styles and pictures that lie in `static` beside a router. */
export function staticFiles(room: string): RequestHandler {
  return express.static(path.join(room, 'static'), { index: false, maxAge: '5m' });
}

export const neverStored: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store');
  next();
};

export const noSuchPage: RequestHandler = (req, _res, next) =>
  next(new NotFound(`There is no page ${req.baseUrl + req.path} here.`));
