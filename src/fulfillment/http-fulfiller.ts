import { Webhook } from 'standardwebhooks';
import { messageOf } from '../errors.ts';
import { post } from '../post.ts';
import { calling, traceHeaders } from '../tracing/spans.ts';
import { AttemptFailed } from '../work/attempt.ts';
import type { Fulfiller, PaidOrder } from './fulfiller.ts';

interface Endpoint {
  readonly url: string;
  /** `whsec_` and base64. */
  readonly secret: string;
  readonly timeoutMs: number;
}

/** POSTs paid orders as Standard Webhooks describes: https://www.standardwebhooks.com. 2xx is fulfilled. */
export function httpFulfiller({ url, secret, timeoutMs }: Endpoint): Fulfiller {
  const webhook = new Webhook(secret);
  const receiver = new URL(url);
  return async (paid, signal) => {
    const body = bodyOf(paid);
    const id = paid.idempotencyKey;
    const now = new Date();
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'checkout-fulfillment',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': webhook.sign(id, now, body),
      'idempotency-key': id,
    };
    await calling('POST receiver', async (span) => {
      span.setAttribute('http.request.method', 'POST');
      // The trace's headers are not part of what is signed.
      const message = { headers: { ...headers, ...traceHeaders() }, body, timeoutMs, signal };
      const { status, retryAfter } = await post(receiver, message).catch((error) => {
        throw new AttemptFailed(`no answer from the receiver: ${messageOf(error)}`);
      });
      span.setAttribute('http.response.status_code', status);
      // A redirect is a failure: the order goes to nobody but the configured receiver.
      if (status >= 200 && status < 300) return;
      throw new AttemptFailed(`the receiver answered ${status}`, {
        retryAfterMs: retryAfterMs(retryAfter, now),
      });
    });
  };
}

function bodyOf({ order, lineItems }: PaidOrder): string {
  return JSON.stringify({
    type: 'order.paid',
    timestamp: order.paid_at,
    data: { order, line_items: lineItems },
  });
}

/** Seconds or a date (RFC 9110, 10.2.3), as milliseconds from `now`; 0 when absent or neither. */
export function retryAfterMs(header: string | null, now: Date): number {
  if (header === null) return 0;
  const pause = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now.getTime();
  return Number.isFinite(pause) ? Math.max(0, pause) : 0;
}
