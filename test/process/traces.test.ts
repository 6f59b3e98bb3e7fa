import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type CollectedSpan, startCollector } from '../support/collector.ts';
import { closedUrl, serve } from '../support/http.ts';
import { startMailServer } from '../support/mail-server.ts';
import { logOf, spawnService, startSurroundings, type TestProcess, workDir } from '../support/process.ts';
import { deliver } from '../support/service.ts';
import { type EventJson, signatureOf } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const surroundings = await startSurroundings();
const { db, receiver, paidEvent } = surroundings;
const mailServer = await startMailServer();
const collector = await startCollector();
let asked = 0;
const neverAnswers = await serve(() => {
  asked += 1;
});
const env = { ...surroundings.env, SMTP_URL: mailServer.url, MAIL_FROM: 'shop@example.com' };

beforeEach(() => {
  collector.spans.length = 0;
  collector.requests.length = 0;
  receiver.answer = (res) => res.writeHead(204).end();
});

const sessionOf = ({ data }: EventJson) => data.object.id as string;
const named = (spans: readonly CollectedSpan[], name: string) => spans.filter((span) => span.name === name);

/** Once the customer has the receipt, which is the last that an order is owed. */
function untilReceipt(event: EventJson): Promise<true> {
  return until('the receipt is sent', async () => {
    const sent = await db('notifications as mail')
      .join('orders', 'orders.id', 'mail.order_id')
      .where({ checkout_session_id: sessionOf(event), 'mail.status': 'sent' });
    const fulfilled = await db('fulfillments').where({ event_id: event.id, status: 'fulfilled' });
    return sent.length === 1 && fulfilled.length === 1;
  });
}

/** Signed with the secret of another endpoint. */
async function deliverForged(url: string): Promise<number> {
  const body = JSON.stringify(paidEvent());
  const headers = { 'stripe-signature': signatureOf(body, { secret: 'whsec_of_another_endpoint' }) };
  const response = await fetch(`${url}/webhook`, { method: 'POST', headers, body });
  await response.text();
  return response.status;
}

/** The stop sends what has not been sent yet. */
async function stop(service: TestProcess): Promise<void> {
  service.kill('SIGTERM');
  expect(await service.ended).toEqual({ code: 0, signal: null });
}

test('one trace has it all: the delivery, the attempts, and whom they call', async () => {
  const event = paidEvent();
  {
    await using service = await spawnService({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    expect(await deliver(service.url, event)).toBe(200);
    await untilReceipt(event);
    expect(await deliver(service.url, event)).toBe(200);
    await stop(service);
    expect(service.written.stderr).toBe('');
  }
  expect(new Set(collector.requests.map(({ path }) => path))).toEqual(new Set(['/v1/traces']));
  const { spans } = collector;
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(spans.map(({ resource }) => resource['service.name'])).toEqual(
    spans.map(() => 'checkout-fulfillment'),
  );

  const { id: orderId } = await db('orders')
    .where({ checkout_session_id: sessionOf(event) })
    .first();
  const [delivered, repeated] = named(spans, 'POST /webhook');
  expect(delivered).toMatchObject({
    kind: 2,
    status: { code: 0 },
    attributes: {
      'http.response.status_code': 200,
      'checkout.event_id': event.id,
      'checkout.event_type': 'checkout.session.completed',
      'checkout.session_id': sessionOf(event),
      'checkout.order_id': orderId,
      'checkout.outcome': 'applied',
      'checkout.moved_to': 'paid',
    },
  });
  expect(repeated?.attributes).toMatchObject({ 'checkout.outcome': 'duplicate' });
  const { startTimeUnixNano: began = '', endTimeUnixNano: ended = '', attributes } = delivered ?? {};
  const waited = attributes?.['checkout.commit_wait_seconds'] as number;
  expect(waited).toBeGreaterThan(0);
  expect(waited).toBeLessThanOrEqual(Number(BigInt(ended) - BigInt(began)) / 1e9);

  const [fulfilling] = named(spans, 'attempt fulfillments');
  expect(fulfilling).toMatchObject({
    kind: 5,
    status: { code: 0 },
    attributes: {
      'checkout.session_id': sessionOf(event),
      'checkout.order_id': orderId,
      'checkout.attempt': 1,
      'checkout.outcome': 'done',
    },
  });
  const [mailing] = named(spans, 'attempt notifications');
  expect(mailing?.attributes).toMatchObject({ 'checkout.order_id': orderId, 'checkout.outcome': 'done' });
  const children = (parent: CollectedSpan | undefined) =>
    spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId);
  expect(children(fulfilling).map(({ name, kind, status }) => [name, kind, status.code])).toEqual([
    ['Stripe: retrieve checkout session', 3, 0],
    ['POST receiver', 3, 0],
  ]);
  expect(children(mailing).map(({ name }) => name)).toEqual(['mail order_paid']);
  expect(spans).toHaveLength(7);

  const [call] = named(spans, 'POST receiver');
  expect(call?.attributes).toMatchObject({ 'http.response.status_code': 204 });
  expect(receiver.calls.at(-1)?.traceparent).toBe(`00-${call?.traceId}-${call?.spanId}-01`);
});

test('several processes meet in one trace, errors are marked, and no customer or secret is in it', async () => {
  const event = paidEvent();
  const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'shop-payments' };
  let calls = 0;
  receiver.answer = (res) => {
    calls += 1;
    res.writeHead(calls === 1 ? 500 : 204).end();
  };
  {
    await using web = await spawnService({ ...env, ...tracing, ROLE: 'web' });
    await using worker = await spawnService({ ...env, ...tracing, ROLE: 'worker' });
    expect(await deliver(web.url, event)).toBe(200);
    expect(await deliverForged(web.url)).toBe(400);
    await untilReceipt(event);
    await Promise.all([stop(web), stop(worker)]);
  }
  const { spans } = collector;
  const refused = spans.find(({ attributes }) => attributes['http.response.status_code'] === 400);
  expect(refused).toMatchObject({
    status: { code: 2, message: 'signature_invalid' },
    attributes: { 'checkout.outcome': 'refused_signature' },
  });
  const attempts = named(spans, 'attempt fulfillments').map(({ status, attributes }) => [
    attributes['checkout.attempt'],
    attributes['checkout.outcome'],
    status.code,
    status.message,
  ]);
  expect(attempts).toEqual([
    [1, 'failed', 2, 'the receiver answered 500'],
    [2, 'done', 0, undefined],
  ]);
  expect(named(spans, 'POST receiver').map(({ status }) => status.code)).toEqual([2, 0]);
  const ofSession = spans.filter((span) => span !== refused);
  expect(new Set(ofSession.map(({ traceId }) => traceId))).toEqual(new Set([ofSession[0]?.traceId]));
  expect(refused?.traceId).not.toBe(ofSession[0]?.traceId);
  expect(new Set(spans.map(({ resource }) => resource['service.name']))).toEqual(new Set(['shop-payments']));

  const { customer_email, customer_name } = await db('orders')
    .where({ checkout_session_id: sessionOf(event) })
    .first();
  const sent = collector.requests.map(({ text }) => text).join();
  const secrets = [env.FULFILLMENT_SECRET, env.STRIPE_SECRET_KEY, env.STRIPE_WEBHOOK_SECRET];
  for (const secret of [customer_email, customer_name, ...secrets]) {
    expect(secret).toEqual(expect.any(String));
    expect(sent).not.toContain(secret);
  }
});

test('a sampler takes a share of the traces, and tells the receiver which', async () => {
  const event = paidEvent();
  await using service = await spawnService({
    ...env,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0',
  });
  expect(await deliver(service.url, event)).toBe(200);
  await untilReceipt(event);
  await stop(service);
  expect(receiver.calls.at(-1)?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  expect(collector.requests).toEqual([]);
});

/** The scripts that a process loads from its start to its end. */
async function scriptsOf(extra: Record<string, string>): Promise<string[]> {
  const dir = path.join(workDir, randomUUID());
  await using service = await spawnService({ ...env, ...extra, NODE_V8_COVERAGE: dir });
  const event = paidEvent();
  expect(await deliver(service.url, event)).toBe(200);
  await untilReceipt(event);
  await stop(service);
  const [report = ''] = await readdir(dir);
  const { result } = JSON.parse(await readFile(path.join(dir, report), 'utf8')) as {
    result: { url: string }[];
  };
  return result.map(({ url }) => url);
}

test('without OTEL_EXPORTER_OTLP_ENDPOINT neither SDK nor exporter is loaded, and the receiver gets no header', async () => {
  const loaded = (scripts: string[]) =>
    ['api', 'sdk-trace', 'exporter-trace-otlp-http', 'context-async-hooks'].filter((name) =>
      scripts.some((url) => url.includes(`/@opentelemetry/${name}/`)),
    );
  expect(loaded(await scriptsOf({}))).toEqual(['api']);
  expect(receiver.calls.at(-1)).toMatchObject({ traceparent: undefined });
  expect(loaded(await scriptsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }))).toHaveLength(4);
});

describe('a collector that', () => {
  /** More spans than a batch holds, so that one is sent at once. */
  const forge = (url: string) => Promise.all(Array.from({ length: 600 }, () => deliverForged(url)));
  const complaints = (service: TestProcess) =>
    logOf(service).filter(({ msg }) => msg === 'traces can not be sent: their spans are dropped');

  test('is away costs one line in the log, and nothing else', async () => {
    await using service = await spawnService({
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: await closedUrl(),
      OTEL_EXPORTER_OTLP_TIMEOUT: '200',
    });
    await forge(service.url);
    await until('it is complained of', () => complaints(service).length > 0);
    const event = paidEvent();
    expect(await deliver(service.url, event)).toBe(200);
    await untilReceipt(event);
    await stop(service);
    expect(complaints(service)).toHaveLength(1);
    expect(service.written.stderr).toBe('');
  });

  test('never answers holds up neither the work nor the stop', async () => {
    await using service = await spawnService({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: neverAnswers });
    await forge(service.url);
    await until('it is asked', () => asked > 0);
    const event = paidEvent();
    expect(await deliver(service.url, event)).toBe(200);
    await untilReceipt(event);
    const begin = performance.now();
    await stop(service);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});
