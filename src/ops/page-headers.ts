import type { RequestHandler } from 'express';
import helmet from 'helmet';

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
