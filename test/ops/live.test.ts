import { afterEach, expect, jest, test } from '@jest/globals';
import express from 'express';
import { openLive } from '../../src/ops/live.ts';
import { pulseOf } from '../../src/ops/pulse.ts';
import { replayEvent } from '../../src/ops/replay.ts';
import { createTestDatabase } from '../support/database.ts';
import { fakeClock, tick } from '../support/fake-clock.ts';
import { serve } from '../support/http.ts';
import { silent } from '../support/log.ts';
import { insertFulfillment, insertOrder } from '../support/orders.ts';
import { hold } from '../support/process.ts';
import { openShop } from '../support/shop.ts';
import { events } from '../support/stripe-events.ts';
import { until } from '../support/until.ts';

const shop = await openShop();
const closing = await openShop();
const { db } = await createTestDatabase();
const streams: AbortController[] = [];
afterEach(() => {
  jest.useRealTimers();
  for (const stream of streams.splice(0)) stream.abort();
});

/** What has come so far, and whether it has ended. */
async function listen(topic: string, url = shop.service.url) {
  const stream = new AbortController();
  streams.push(stream);
  const response = await fetch(`${url}/ops/live?topic=${topic}`, { signal: stream.signal });
  const heard = { response, text: '', ended: false };
  const read = async () => {
    for await (const chunk of response.body as ReadableStream<Uint8Array>) heard.text += Buffer.from(chunk);
    heard.ended = true;
  };
  read().catch(() => {});
  return heard;
}

const changes = ({ text }: { text: string }) => text.split('event: changed').length - 1;

test('a page hears at once, and again when what it shows has changed, and no other page does', async () => {
  const [mine, other] = [shop.checkout(), shop.checkout()];
  for (const session of [mine, other]) {
    await shop.service.deliver(events.completedUnpaid(session));
  }
  const { order } = await shop.rowsOf(mine.id);
  const { order: otherOrder } = await shop.rowsOf(other.id);
  const [heard, deaf] = [await listen(`order:${order.id}`), await listen(`order:${otherOrder.id}`)];
  expect(Object.fromEntries(heard.response.headers)).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
  });
  await until('both have heard once', () => changes(heard) === 1 && changes(deaf) === 1);
  await shop.service.deliver(events.asyncSucceeded(mine));
  await until('the page hears of the payment', () => changes(heard) >= 2);
  expect(changes(deaf)).toBe(1);
});

test('the page of an order and the list of events hear of it when an event is replayed', async () => {
  const { event, order } = await shop.paid();
  const pages = [await listen(`order:${order.id}`), await listen('events')];
  await until('both have heard once', () => pages.every((heard) => changes(heard) === 1));
  await replayEvent(shop.db, event.id, { livemode: false, actor: 'ops' });
  await until('both hear of the replay', () => pages.every((heard) => changes(heard) === 2));
});

test('of a HEAD the head is the whole answer', async () => {
  const signal = AbortSignal.timeout(5_000);
  const response = await fetch(`${shop.service.url}/ops/live?topic=orders`, { method: 'HEAD', signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
});

test('of more pages than a process tells, the others are told to come later', async () => {
  await Promise.all(Array.from({ length: 100 }, () => listen('orders')));
  const refused = await fetch(`${shop.service.url}/ops/live?topic=orders`);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60']);
});

test('streams end when the database does not answer', async () => {
  const heard = await listen('orders');
  await until('the page has heard once', () => changes(heard) === 1);
  await using _locked = await hold(shop.db, (trx) => trx.raw('lock table order_transitions'));
  await until('the stream has ended', () => heard.ended);
});

test('streams end when the service stops', async () => {
  const response = await fetch(`${closing.service.url}/ops/live?topic=orders`);
  // One that is cut off, as what is left open is in the end, is an error here.
  await Promise.all([closing.service.stop(), response.text()]);
});

test('a page on which nothing comes hears a heartbeat, and leaves no trace once it is gone', async () => {
  fakeClock('setInterval', 'clearInterval');
  const live = openLive({ pulse: async () => new Map(), log: silent });
  const heard = await listen('orders', await serve(express().get('/ops/live', live.handler)));
  await until('it has heard once', () => changes(heard) === 1);
  tick(10);
  await until('it hears the heartbeat', () => heard.text.endsWith('\n\n:\n\n'));
  const timers = jest.getTimerCount();
  streams.at(-1)?.abort();
  await until('its heartbeat is no more', () => jest.getTimerCount() < timers);
});

test('the pulse of an order is another one after whatever its page shows, and the same while nothing happens', async () => {
  const pulse = pulseOf(db);
  const order = await insertOrder(db);
  await insertFulfillment(db, order.id);
  const topic = `order:${order.id}`;
  const look = async () => String((await pulse([topic, 'nonsense', 'order:999'])).get(topic));
  const seen = [await look()];
  for (const change of [
    db('fulfillments').update({ attempts: 1 }),
    db('fulfillments').update({ status: 'dead', next_attempt_at: null }),
    db('notifications').insert({ order_id: order.id, kind: 'order_paid' }),
    db('ops_actions').insert({ actor: 'ops', action: 'retry', subject: String(order.id) }),
  ]) {
    await change;
    seen.push(await look());
  }
  expect(new Set(seen).size).toBe(5);
  expect(await look()).toBe(seen.at(-1));
});

test('the pulse of the lists is another one once an attempt has failed, or was the last, whatever else is owed for later', async () => {
  const pulse = pulseOf(db);
  const look = async () => (await pulse(['orders'])).get('orders');
  const [later, order] = [await insertOrder(db), await insertOrder(db)];
  const at = (seconds: number) => db.raw(`now() + ? * interval '1 second'`, [seconds]);
  await insertFulfillment(db, later.id, { next_attempt_at: at(21_600) });
  await insertFulfillment(db, order.id, { attempts: 1, next_attempt_at: at(30) });
  const row = () => db('fulfillments').where({ order_id: order.id });
  const seen = [await look()];
  for (const change of [
    { next_attempt_at: at(3) },
    { status: 'dead', next_attempt_at: null },
    { status: 'pending', attempts: 0, next_attempt_at: at(0) },
  ]) {
    await row().update(change);
    seen.push(await look());
  }
  expect(new Set(seen).size).toBe(4);
});

test('the pulse of the overview is another one once an alert stands, and what it was once that is over', async () => {
  const pulse = pulseOf(db);
  const look = async () => (await pulse(['orders'])).get('orders');
  const before = await look();
  await db('alerts').insert({ cause: 'signatures_failing', details: { host: 'web-1', in_a_row: 7 } });
  expect(await look()).not.toBe(before);
  await db('alerts').update({ over_at: db.fn.now() });
  expect(await look()).toBe(before);
});
