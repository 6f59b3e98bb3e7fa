import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Response } from 'express';

/** Answers with JSON, outside Express as inside it. */
export function answerJson(
  res: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': length,
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  if (res.req.complete) return void res.end(text);
  // More of the body is still to come. The sender gets its answer now, and the connection is kept until the body has
  // ended: a proxy that met a reset answered 502.
  res.write(text);
  res.req.resume().once('close', () => res.end());
}

/** A route's refusal, in the form of every error. */
export function refuse(res: Response, status: number, code: string, message: string): void {
  res.status(status).json({ error: { code, message } });
}
