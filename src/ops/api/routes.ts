import express, { type ErrorRequestHandler, type RequestHandler, type Router } from 'express';
import type { z } from 'zod';
import { BadRequest } from '../../errors.ts';
import { refuse } from '../../http/answer.ts';
import { closeOrder } from '../close.ts';
import { visitorOf } from '../door.ts';
import { listEvents } from '../events.ts';
import { NotFound } from '../identify.ts';
import { findEvent, orderOf, orderOfSession, type Sources, wholeOrder } from '../look-up.ts';
import { listOrders } from '../orders.ts';
import { PayloadGone, replayEvent } from '../replay.ts';
import { retryDead, retryOrder } from '../retry.ts';
import { openapi } from './openapi.ts';
import { closing, eventListQuery, orderListQuery } from './shapes.ts';

/** What the pages show, for programs: the same questions, asked and answered as `openapi.json` says. */
export function apiRouter({ livemode, ...sources }: Sources & { livemode: boolean }): Router {
  const { db } = sources;
  const router = express.Router();
  router.use(guardChanges);

  router.get('/openapi.json', (_req, res) => {
    res.json(openapi);
  });

  router.get('/orders', async (req, res) => {
    const { limit, after, ...filter } = read(orderListQuery, req.query);
    res.json(await listOrders(db, filter, { limit, after: after ?? null }));
  });

  router.get('/orders/:id', async (req, res) => {
    res.json(await wholeOrder(db, await orderOf(sources, req.params.id)));
  });

  router.post('/orders/:id/retry', async (req, res) => {
    const id = await orderOf(sources, req.params.id);
    res.json(await retryOrder(db, id, visitorOf(res).actor));
  });

  // Whatever type the request has: where a program left it out, the reason was called missing.
  const json = express.json({ limit: '10kb', type: () => true });
  router.post('/orders/:id/close', json, async (req, res) => {
    const { because } = read(closing, req.body ?? {});
    const id = await orderOf(sources, req.params.id);
    res.json(await closeOrder(db, id, { because, actor: visitorOf(res).actor }));
  });

  router.post('/retry-dead', async (_req, res) => {
    res.json(await retryDead(db, visitorOf(res).actor));
  });

  router.get('/events', async (req, res) => {
    const { outcome, limit, after } = read(eventListQuery, req.query);
    res.json(await listEvents(db, { conflicts: outcome === 'conflict' }, { limit, after: after ?? null }));
  });

  router.get('/events/:id', async (req, res) => {
    const event = await findEvent(db, req.params.id);
    const payload = event.payload === null ? null : JSON.parse(event.payload);
    res.json({ ...event, payload, order_id: await orderOfSession(db, event.checkout_session_id) });
  });

  router.post('/events/:id/replay', async (req, res) => {
    res.json(await replayEvent(db, req.params.id, { livemode, actor: visitorOf(res).actor }));
  });

  router.use(answerRefusals);
  return router;
}

/** A browser sends the cookie of a session whoever asks it to, and programs have no form: what changes something takes a bearer. */
const guardChanges: RequestHandler = (req, res, next) => {
  if (['GET', 'HEAD'].includes(req.method) || visitorOf(res).session === null) return next();
  const message =
    'Changes want the header Authorization: Bearer, with the value of OPS_TOKEN, which must be set.';
  refuse(res, 403, 'forbidden', message);
};

/** @throws {BadRequest} with what is wrong, and where */
function read<Shape extends z.ZodType>(shape: Shape, given: unknown): z.infer<Shape> {
  const parsed = shape.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`.trim());
  throw new BadRequest('bad_request', `${faults.join('; ')}.`);
}

const answerRefusals: ErrorRequestHandler = (error, _req, res, next) => {
  if (error instanceof NotFound) return refuse(res, 404, 'not_found', error.message);
  if (error instanceof PayloadGone) return refuse(res, 409, 'payload_gone', error.message);
  next(error);
};
