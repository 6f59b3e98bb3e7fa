import express, { type Request, type Response, type Router } from 'express';
import { standingBesidesWork } from '../../alerts/store.ts';
import { databaseTime } from '../../db/clock.ts';
import { isNone } from '../affected.ts';
import { closeOrder, reasonShape } from '../close.ts';
import { sendCsv } from '../csv.ts';
import { visitorOf } from '../door.ts';
import { eventPlace, listEvents } from '../events.ts';
import { isFaulty, type ListQuery, readListQuery } from '../filter-query.ts';
import { pathOf } from '../find.ts';
import { NotFound, orderIdOf } from '../identify.ts';
import { findEvent, orderOfSession, type Sources, wholeOrder } from '../look-up.ts';
import { listOrders } from '../orders.ts';
import { historyOf, type Range, ranges, shopStandingOf } from '../overview.ts';
import { replayEvent, whyIgnored } from '../replay.ts';
import { retryDead, retryOrder } from '../retry.ts';
import { dashboard } from '../stripe-links.ts';
import { eventPage } from './event.ts';
import { eventsPage } from './events.ts';
import type { Reader } from './layout.ts';
import { noticeOf } from './notice.ts';
import { orderPage } from './order.ts';
import { ordersPage } from './orders.ts';
import { overviewPage } from './overview.ts';
import { send } from './send.ts';

interface Dependencies extends Sources {
  readonly livemode: boolean;
  readonly sandbox: boolean;
  readonly readerOf: (req: Request, res: Response) => Reader;
}

const PAGE = 50;

/** The pages for people, and what their buttons do. */
export function pagesRouter({ db, stripe, livemode, sandbox, readerOf }: Dependencies): Router {
  const router = express.Router();
  const links = dashboard(sandbox);

  router.get('/', async (req, res) => {
    const reader = readerOf(req, res);
    const range = Object.hasOwn(ranges, String(req.query.range)) ? (req.query.range as Range) : '24h';
    // One after the other: the connections are those that deliveries wait for.
    const now = await databaseTime(db);
    const alerts = await standingBesidesWork(db);
    const standing = await shopStandingOf(db, reader.zone, now);
    const history = await historyOf(db, range, reader.zone, now);
    const stuck = await listOrders(db, { ids: standing.longest_stuck }, { limit: 5, after: null });
    const { orders: newest } = await listOrders(db, {}, { limit: 8, after: null });
    const notice = noticeOf(req.query.done);
    const overview = { notice, alerts, standing, range, history, stuck: stuck.orders, newest };
    await send(res, overviewPage(overview, reader));
  });

  router.get('/orders', async (req, res) => {
    const reader = readerOf(req, res);
    const asked = readListQuery(req.query, reader.zone);
    if (isFaulty(asked)) return await refuseFilter(res, asked, reader);
    const page = await listOrders(db, asked.filter, { limit: PAGE, after: asked.after });
    await send(res, ordersPage(asked, page, reader));
  });

  router.get('/orders.csv', async (req, res) => {
    const reader = readerOf(req, res);
    const asked = readListQuery(req.query, reader.zone);
    if (isFaulty(asked)) return await refuseFilter(res, asked, reader);
    await sendCsv(res, db, asked.filter);
  });

  router.get('/orders/:id', async (req, res) => {
    const id = await orderIdOf(db, req.params.id);
    if (String(id) !== req.params.id) return res.redirect(303, `/ops/orders/${id}`);
    const whole = await wholeOrder(db, id);
    const page = orderPage({ whole, dashboard: links, notice: noticeOf(req.query.done) }, readerOf(req, res));
    await send(res, page);
  });

  router.post('/orders/:id/retry', async (req, res) => {
    const id = await orderIdOf(db, req.params.id);
    const retried = await retryOrder(db, id, visitorOf(res).actor);
    const done = isNone(retried) ? 'nothing_to_retry' : 'retried';
    res.redirect(303, `/ops/orders/${id}?done=${done}`);
  });

  router.post('/orders/:id/close', async (req, res) => {
    const id = await orderIdOf(db, req.params.id);
    const reason = reasonShape.safeParse(req.body?.because);
    if (!reason.success) return res.redirect(303, `/ops/orders/${id}?done=no_reason`);
    const closed = await closeOrder(db, id, { because: reason.data, actor: visitorOf(res).actor });
    const done = isNone(closed) ? 'nothing_to_close' : 'closed';
    res.redirect(303, `/ops/orders/${id}?done=${done}`);
  });

  router.post('/retry-dead', async (_req, res) => {
    const retried = await retryDead(db, visitorOf(res).actor);
    const done = isNone(retried) ? 'nothing_dead' : 'dead_retried';
    res.redirect(303, `/ops?done=${done}`);
  });

  router.get('/events', async (req, res) => {
    const asked = {
      conflicts: req.query.outcome === 'conflict',
      after: typeof req.query.after === 'string' ? req.query.after : null,
    };
    if (asked.after !== null && !eventPlace.test(asked.after))
      throw new NotFound('There is no such place in the list of events.');
    const page = await listEvents(db, asked, { limit: PAGE, after: asked.after });
    await send(res, eventsPage(asked, page, readerOf(req, res)));
  });

  router.get('/events/:id', async (req, res) => {
    const event = await findEvent(db, req.params.id);
    const page = eventPage(
      {
        event,
        orderId: await orderOfSession(db, event.checkout_session_id),
        whyIgnored: whyIgnored(event, livemode),
        dashboard: links,
        notice: noticeOf(req.query.done),
      },
      readerOf(req, res),
    );
    await send(res, page);
  });

  router.post('/events/:id/replay', async (req, res) => {
    const { id } = req.params;
    const { outcome, order_id } = await replayEvent(db, id, { livemode, actor: visitorOf(res).actor });
    const page = order_id === null ? `events/${id}` : `orders/${order_id}`;
    res.redirect(303, `/ops/${page}?done=replayed_${outcome}`);
  });

  router.get('/find', async (req, res) => {
    const sought = String(req.query.q ?? '')
      .replaceAll('\0', '')
      .trim();
    res.redirect(303, sought === '' ? '/ops/orders' : await pathOf({ db, stripe }, sought));
  });
  return router;
}

function refuseFilter(res: Response, asked: ListQuery, reader: Reader): Promise<void> {
  return send(res.status(400), ordersPage(asked, { orders: [], next: null }, reader));
}
