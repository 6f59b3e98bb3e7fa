import type { ServerResponse } from 'node:http';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { BadRequest, faultOf, messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { answerJson, refuse } from './answer.ts';
import { BodyTooLarge } from './body.ts';

export const notFound: RequestHandler = (_req, res) => {
  refuse(res, 404, 'not_found', 'There is nothing here.');
};

export function answerErrors(log: Logger): ErrorRequestHandler {
  return (error, _req, res, _next) => {
    if (!res.headersSent) return answerError(res, error, log);
    // Express would write it to standard error, with its stack and all that it holds.
    log.warn({ reason: messageOf(error), ...faultOf(error) }, 'an answer was broken off');
    res.destroy();
  };
}

/** For what a router has no answer of its own. What nobody foresaw is 503: the sender keeps the event and comes again. */
export function answerError(res: ServerResponse, error: unknown, log: Logger): void {
  const { status, code, message } = answerTo(error);
  if (status === 503) log.warn({ reason: messageOf(error), ...faultOf(error) }, 'answered 503');
  answerJson(res, status, { error: { code, message } }, status === 503 ? { 'Retry-After': '5' } : {});
}

function answerTo(error: unknown): { status: number; code: string; message: string } {
  if (error instanceof BadRequest) return { status: 400, code: error.code, message: error.message };
  if (error instanceof BodyTooLarge) {
    return { status: 413, code: 'body_too_large', message: 'The body is larger than 1 MiB.' };
  }
  if (isUnreadable(error))
    return { status: 400, code: 'bad_request', message: 'The request could not be read.' };
  return { status: 503, code: 'unavailable', message: 'The request could not be taken now. Try again.' };
}

/** An error of Express's own, such as that of a path that can't be decoded, or of a form that is too large. */
export function isUnreadable(error: unknown): boolean {
  const { status } = error as { status?: number };
  return typeof status === 'number' && status >= 400 && status < 500;
}
