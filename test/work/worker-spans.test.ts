import { afterAll, afterEach, expect, test } from '@jest/globals';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { fulfillments as queue } from '../../src/fulfillment/fulfill.ts';
import type { Claim } from '../../src/work/queue.ts';
import { startWorker } from '../../src/work/worker.ts';
import { createTestDatabase } from '../support/database.ts';
import { silent } from '../support/log.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { until } from '../support/until.ts';

const { db } = await createTestDatabase();
const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
);
afterEach(() => exporter.reset());
afterAll(() => trace.disable());

type Perform = (row: Claim, signal: AbortSignal) => Promise<void>;

/** The span of one attempt at one order, once it has ended. */
async function spanOf(perform: Perform, whileAttempting: (stop: () => Promise<void>) => unknown = () => {}) {
  const order = await insertOrder(db);
  await insertFulfillment(db, order.id);
  const worker = startWorker({
    db,
    queue,
    load: async (rows: readonly Claim[]) => rows,
    sessionOf: () => order.checkout_session_id,
    perform,
    concurrency: () => 1,
    maxAttempts: 12,
    log: silent,
  });
  await whileAttempting(() => worker.stop(0));
  const span = await until('the span has ended', () => exporter.getFinishedSpans()[0]);
  await worker.stop(0);
  const { name, kind, attributes, status } = span;
  return { order, span: { name, kind, attributes, status } };
}

const expected = (order: { id: number; checkout_session_id: string }, outcome: string) => ({
  name: 'attempt fulfillments',
  kind: SpanKind.CONSUMER,
  attributes: {
    'checkout.order_id': order.id,
    'checkout.attempt': 1,
    'checkout.session_id': order.checkout_session_id,
    'checkout.outcome': outcome,
  },
});

test('an attempt that succeeds', async () => {
  const { order, span } = await spanOf(async () => {});
  expect(span).toEqual({ ...expected(order, 'done'), status: { code: SpanStatusCode.UNSET } });
});

test('one that fails says why', async () => {
  const { order, span } = await spanOf(async () => {
    throw new Error('the receiver answered 500');
  });
  const status = { code: SpanStatusCode.ERROR, message: 'the receiver answered 500' };
  expect(span).toEqual({ ...expected(order, 'failed'), status });
});

test('one that the stop of the process breaks off', async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const perform: Perform = () => {
    begin();
    return new Promise(() => {});
  };
  const { order, span } = await spanOf(perform, async (stop) => {
    await begun;
    await stop();
  });
  expect(span).toEqual({ ...expected(order, 'broken_off'), status: { code: SpanStatusCode.UNSET } });
});
