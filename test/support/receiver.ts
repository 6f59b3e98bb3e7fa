import type { ServerResponse } from 'node:http';
import { text as bodyOf } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import type { LineItem, Order } from '../../src/orders/order.ts';
import { answerJson, serve } from './http.ts';

export const FULFILLMENT_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** One call, its signature verified by the Standard Webhooks package. */
export interface Call {
  readonly id: string;
  readonly idempotencyKey: string | undefined;
  readonly traceparent: string | undefined;
  readonly text: string;
  readonly body: { type: string; timestamp: string; data: { order: Order; line_items: LineItem[] } };
}

export type Answer = (res: ServerResponse, call: Call) => unknown;

export interface Receiver {
  readonly url: string;
  readonly calls: Call[];
  /** What it answers from now on; 204 unless told. */
  answer: Answer;
}

/** A shop's backend: it verifies, counts, and answers as told. A call that does not verify is no call, but 401. */
export async function startReceiver(): Promise<Receiver> {
  const webhook = new Webhook(FULFILLMENT_SECRET);
  const calls: Call[] = [];
  const receiver = { url: '', calls, answer: ((res) => res.writeHead(204).end()) as Answer };
  const origin = await serve(async (req, res) => {
    const text = await bodyOf(req);
    let body: unknown;
    try {
      body = webhook.verify(text, req.headers as Record<string, string>);
    } catch {
      return answerJson(res, 401, { error: 'bad signature' });
    }
    const call = {
      id: req.headers['webhook-id'] as string,
      idempotencyKey: req.headers['idempotency-key'] as string | undefined,
      traceparent: req.headers.traceparent as string | undefined,
      text,
      body: body as Call['body'],
    };
    calls.push(call);
    return receiver.answer(res, call);
  });
  receiver.url = `${origin}/orders`;
  return receiver;
}
