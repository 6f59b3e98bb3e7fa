import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Answers with JSON, outside Express as inside it. */
export function answerJson(
  res: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(body);
  const length = Buffer.byteLength(text);
  res
    .writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': length,
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    })
    .end(text);
}
