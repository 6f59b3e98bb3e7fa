import { Webhook } from 'standardwebhooks';
import { messageOf } from '../errors.ts';
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
  return async (paid, signal) => {
    const body = bodyOf(paid);
    const id = paid.idempotencyKey;
    const now = new Date();
    const response = await post(url, {
      body,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'checkout-fulfillment',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': webhook.sign(id, now, body),
        'idempotency-key': id,
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    await response.body?.cancel();
    if (response.ok) return;
    throw new AttemptFailed(`the receiver answered ${response.status}`, {
      retryAfterMs: retryAfterMs(response.headers.get('retry-after'), now),
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

async function post(url: string, init: RequestInit): Promise<Response> {
  try {
    // A redirect is a failure: the order goes to nobody but the configured receiver.
    return await fetch(url, { ...init, method: 'POST', redirect: 'manual' });
  } catch (error) {
    // fetch says only "fetch failed"; its cause says why.
    throw new AttemptFailed(
      `the receiver could not be reached: ${messageOf((error as Error).cause ?? error)}`,
    );
  }
}

/** Seconds or a date (RFC 9110, 10.2.3), as milliseconds from `now`; 0 when absent or neither. */
export function retryAfterMs(header: string | null, now: Date): number {
  if (header === null) return 0;
  const pause = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now.getTime();
  return Number.isFinite(pause) ? Math.max(0, pause) : 0;
}
