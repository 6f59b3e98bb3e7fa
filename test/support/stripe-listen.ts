import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll } from '@jest/globals';
import { type WebSocket, WebSocketServer } from 'ws';
import { answerJson, serve } from './http.ts';
import { signatureOf } from './stripe-events.ts';
import { until } from './until.ts';

/** What `stripe listen` says of a delivery that it has forwarded. */
interface Forwarded {
  readonly status: number;
  readonly body: string;
}

interface StripeEnd {
  readonly url: string;
  /** Has `stripe listen` forward an event, signed with the secret that it was told. */
  send(event: unknown): Promise<Forwarded>;
}

/**
 * Stripe's end of `stripe listen`, as https://github.com/stripe/stripe-cli has it (pkg/stripeauth, pkg/websocket): a
 * session with a secret of its own, and a websocket over which go events, and their answers back.
 */
export async function startStripeEnd(): Promise<StripeEnd> {
  const secret = `whsec_${randomBytes(32).toString('hex')}`;
  const answers = new Map<string, Forwarded>();
  const sockets = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(sockets, 'listening');
  let listener: WebSocket | undefined;
  sockets.on('connection', (socket) => {
    listener = socket;
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString());
      if (message.type === 'webhook_response') answers.set(message.webhook_id, message);
    });
  });
  afterAll(async () => {
    listener?.terminate();
    sockets.close();
    await once(sockets, 'close');
  });

  const session = {
    websocket_url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}/`,
    websocket_id: 'cliws_test',
    websocket_authorized_feature: 'webhooks',
    reconnect_delay: 3_600,
    default_version: '2026-10-28.endive',
    secret,
  };
  const url = await serve((req, res) =>
    req.url === '/v1/stripecli/sessions' ? answerJson(res, 200, session) : answerJson(res, 404, {}),
  );
  return {
    url,
    async send(event) {
      const id = randomUUID();
      const payload = JSON.stringify(event, null, 2);
      const message = {
        type: 'webhook_event',
        // null: that of the account, which the command line forwards unless told otherwise.
        endpoint: { api_version: null },
        event_payload: payload,
        http_headers: {
          'Content-Type': 'application/json; charset=utf-8',
          'Stripe-Signature': signatureOf(payload, { secret }),
          'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        },
        webhook_id: id,
        webhook_conversation_id: id,
      };
      const socket = await until('stripe listen is connected', () => listener);
      socket.send(JSON.stringify(message));
      return until('stripe listen has forwarded it', () => answers.get(id));
    },
  };
}
