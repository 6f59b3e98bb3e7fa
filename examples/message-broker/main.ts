import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { runService } from '../../src/run.ts';
import { publishing } from './publishing.ts';

const { NATS_URL = 'nats://127.0.0.1:4222' } = process.env;

/**
 * Connected by the first order that finds the broker there: Stripe's events are taken without it as well. From then on the
 * connection comes back by itself.
 */
let connected: Promise<JetStreamClient> | undefined;
function stream(): Promise<JetStreamClient> {
  connected ??= connect({ servers: NATS_URL, maxReconnectAttempts: -1 })
    .then((broker) => jetstream(broker))
    .catch((error) => {
      connected = undefined;
      throw error;
    });
  return connected;
}

await runService(publishing(stream));
