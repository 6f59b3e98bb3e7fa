import { afterAll, afterEach, expect, test } from '@jest/globals';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { fulfillmentWork } from '../../src/fulfillment/fulfill.ts';
import { httpFulfiller } from '../../src/fulfillment/http-fulfiller.ts';
import { createStripe } from '../../src/stripe/client.ts';
import { createTestDatabase } from '../support/database.ts';
import { serve } from '../support/http.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { FULFILLMENT_SECRET } from '../support/receiver.ts';
import { lineItem, startStripeApi } from '../support/stripe-api.ts';
import { checkoutSession } from '../support/stripe-events.ts';

const { db } = await createTestDatabase();
const stripe = await startStripeApi();
let answer = 204;
const traceparents: unknown[] = [];
const receiver = await serve((req, res) => {
  traceparents.push(req.headers.traceparent);
  res.writeHead(answer).end();
});

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
afterEach(() => {
  exporter.reset();
  traceparents.length = 0;
});
afterAll(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

/** One attempt at an order whose session Stripe knows, and the spans of the calls that it made. */
async function attempt() {
  const session = checkoutSession();
  stripe.keep(session, [lineItem(1)]);
  const { id } = await insertOrder(db, { checkout_session_id: session.id });
  await insertFulfillment(db, id);
  const { load, sessionOf, perform } = fulfillmentWork({
    db,
    stripe: createStripe('sk_test_123', stripe.url),
    fulfil: httpFulfiller({ url: receiver, secret: FULFILLMENT_SECRET, timeoutMs: 5_000 }),
    onReceiptOwed: () => {},
  });
  const [subject] = await load(await db('fulfillments').where({ order_id: id }));
  if (subject === undefined) throw new Error('nothing was loaded');
  expect(sessionOf(subject)).toBe(session.id);
  const error = await perform(subject, new AbortController().signal).catch((error: Error) => error.message);
  const spans = exporter.getFinishedSpans();
  return {
    error,
    calls: spans.map(({ name, kind, attributes, status }) => ({ name, kind, attributes, status })),
    ids: spans.map((span) => span.spanContext()),
  };
}

const unset = { code: SpanStatusCode.UNSET };
const retrieval = {
  name: 'Stripe: retrieve checkout session',
  kind: SpanKind.CLIENT,
  attributes: {},
  status: unset,
};
const postOf = (status: number) => ({
  name: 'POST receiver',
  kind: SpanKind.CLIENT,
  attributes: { 'http.request.method': 'POST', 'http.response.status_code': status },
});

test('an attempt asks Stripe and tells the receiver, which gets the trace to go on with', async () => {
  answer = 204;
  const { error, calls, ids } = await attempt();
  expect(error).toBeUndefined();
  expect(calls).toEqual([retrieval, { ...postOf(204), status: unset }]);
  expect(traceparents).toEqual([`00-${ids[1]?.traceId}-${ids[1]?.spanId}-01`]);
});

test('a receiver that refuses marks its call as failed, and no other', async () => {
  answer = 500;
  const { error, calls } = await attempt();
  expect(error).toBe('the receiver answered 500');
  const status = { code: SpanStatusCode.ERROR, message: 'the receiver answered 500' };
  expect(calls).toEqual([retrieval, { ...postOf(500), status }]);
});
