import Stripe from 'stripe';
import { API_VERSION } from '../stripe/client.ts';
import { type Files, openFiles } from './files.ts';
import { newId } from './ids.ts';
import { type Session, unixTime } from './session-object.ts';

export type SessionEventType =
  | 'checkout.session.completed'
  | 'checkout.session.async_payment_succeeded'
  | 'checkout.session.async_payment_failed';

export type SessionEvent = ReturnType<typeof sessionEvent>;

export function openEvents(dir: string): Promise<Files<SessionEvent>> {
  return openFiles<SessionEvent>(dir, 'evt_');
}

/** News of a session, as it stands at this moment. Each call is an event of its own, with its own id. */
export function sessionEvent(type: SessionEventType, session: Session) {
  return {
    id: newId('evt_1', 23),
    object: 'event',
    api_version: API_VERSION,
    created: unixTime(),
    data: { object: session },
    livemode: false,
    pending_webhooks: 1 as number,
    request: { id: null, idempotency_key: null },
    type,
  } as const;
}

/** A delivery as Stripe makes it: indented JSON, signed at this moment. */
export function signedRequest(event: SessionEvent, secret: string) {
  const body = JSON.stringify(event, null, 2);
  return {
    body,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({ payload: body, secret }),
    },
  };
}
