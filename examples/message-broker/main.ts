import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { runService } from '../../src/run.ts';
import { publishing } from './publishing.ts';

const { NATS_URL = 'nats://127.0.0.1:4222' } = process.env;
// It may start before the broker does, and outlives it: until it is back, attempts fail and are made again.
const broker = await connect({ servers: NATS_URL, waitOnFirstConnect: true, maxReconnectAttempts: -1 });

await runService(publishing(jetstream(broker)));
