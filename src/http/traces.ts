import { SpanKind } from '@opentelemetry/api';
import { markFailed, startSpan } from '../tracing/spans.ts';
import { deliveryOutcome } from './deliveries.ts';
import type { Delivery } from './webhook.ts';

/** A delivery's span, made once it is answered: where none is wanted, a delivery pays nothing for it. */
export function traceDelivery(delivery: Delivery): void {
  const { event, recorded, refusal, status, at, seconds, waitedSeconds } = delivery;
  const span = startSpan('POST /webhook', event?.checkout_session_id ?? undefined, {
    kind: SpanKind.SERVER,
    startTime: at - seconds * 1_000,
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/webhook',
      'http.response.status_code': status,
      'checkout.event_id': event?.event_id,
      'checkout.event_type': event?.type,
      'checkout.outcome': deliveryOutcome(delivery),
      'checkout.order_id': recorded?.order_id ?? undefined,
      'checkout.moved_to': recorded?.moved_to ?? undefined,
      'checkout.commit_wait_seconds': waitedSeconds ?? undefined,
    },
  });
  // Whatever is not 200, Stripe counts as a failure.
  if (status !== 200) markFailed(span, refusal?.code ?? 'not known to be kept');
  span.end(at);
}
