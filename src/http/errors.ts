import type { ErrorRequestHandler, RequestHandler } from 'express';
import { BadRequest, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';

export const notFound: RequestHandler = (_req, res) => {
  res.status(404).json({ error: { code: 'not_found', message: 'There is nothing here.' } });
};

/** The one place where an error becomes an answer. What nobody foresaw is 503: the sender keeps the event and comes again. */
export function answerErrors(log: Logger): ErrorRequestHandler {
  return (error, _req, res, next) => {
    if (res.headersSent) return next(error);
    const { status, code, message } = answerTo(error);
    if (status === 503) {
      log.warn({ reason: messageOf(error) }, 'answered 503');
      res.set('Retry-After', '5');
    }
    res.status(status).json({ error: { code, message } });
  };
}

function answerTo(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof BadRequest) return { status: 400, code: error.code, message: error.message };
  // body-parser's errors: https://github.com/expressjs/body-parser#errors
  const { type, status } = error as { type?: string; status?: number };
  if (type === 'entity.too.large') {
    return { status: 413, code: 'body_too_large', message: 'The body is larger than 1 MiB.' };
  }
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return { status: 400, code: 'bad_request', message: 'The request could not be read.' };
  }
  return { status: 503, code: 'unavailable', message: 'The request could not be taken now. Try again.' };
}
