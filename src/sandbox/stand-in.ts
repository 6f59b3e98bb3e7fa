import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Router } from 'express';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { openEvents, type SessionEvent } from './events.ts';
import type { Files } from './files.ts';
import { newId } from './ids.ts';
import { created, isWithin, newestFirst, pageOf, pageParams } from './lists.ts';
import { type LoopbackServer, serveOnLoopback } from './loopback.ts';
import { Refusal } from './refusal.ts';
import type { Session, StoredSession } from './session-object.ts';
import { sessionParams } from './session-params.ts';
import { openSessions, type Sessions } from './sessions.ts';

interface Props {
  readonly dir: string;
  /** The address of the service whose pages under /sandbox take the payments; null for none. */
  readonly service?: string | null;
  /** It has the same port after each start: a shop has the address in its configuration. */
  readonly staysThere?: boolean;
  readonly log: Logger;
}

/** Stripe's API for the sandbox: as much of it as a shop needs to sell and this service to fulfil. */
export async function startStandIn(props: Props): Promise<LoopbackServer> {
  const { dir, service = null, staysThere = false, log } = props;
  const app = standInApp(await openSessions(dir), await openEvents(dir), service, log);
  if (!staysThere) return serveOnLoopback(app);
  const file = path.join(dir, 'stand-in.port');
  const port = Number(await readFile(file, 'utf8').catch(() => '')) || 0;
  const server = await serveOnLoopback(app, port);
  // A second process of the service, which finds the port taken, leaves it to the first one.
  if (port === 0) await writeFile(file, new URL(server.url).port);
  return server;
}

const sessionsUrl = '/v1/checkout/sessions';

function standInApp(
  sessions: Sessions,
  events: Files<SessionEvent>,
  service: string | null,
  log: Logger,
): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'extended');
  app.use(
    answersLikeStripe,
    withKey,
    express.urlencoded({ extended: true, limit: '1mb', parameterLimit: 10_000 }),
  );
  app.use(sessionRoutes(sessions, service), eventRoutes(events));
  app.use((req) => {
    throw new Refusal(404, `Unrecognized request URL (${req.method}: ${req.path}).`);
  });
  app.use(refusals(log));
  return app;
}

function sessionRoutes(sessions: Sessions, service: string | null): Router {
  /** As an answer has it: an open session leads to the page where it is paid. */
  const withUrl = (session: Session): Session => ({
    ...session,
    url: service !== null && session.status === 'open' ? `${service}/sandbox/checkout/${session.id}` : null,
  });
  const router = express.Router();

  router.post(sessionsUrl, async (req, res) => {
    const { session } = await sessions.create(read(sessionParams, req.body ?? {}));
    res.json(withUrl(session));
  });

  router.get(sessionsUrl, async (req, res) => {
    const { created, status, payment_intent, subscription, ...page } = read(sessionsParams, req.query);
    const wanted = (session: Session) =>
      isWithin(created, session) &&
      (status === undefined || session.status === status) &&
      (payment_intent === undefined || session.payment_intent === payment_intent) &&
      (subscription === undefined || session.subscription === subscription);
    res.json(pageOf(sessionsUrl, newestFirst(await sessions.all()).map(withUrl), page, wanted));
  });

  router.get(`${sessionsUrl}/:id`, async (req, res) => {
    const { expand } = read(retrieveParams, req.query);
    const { session, lineItems } = await existing(sessions, req.params.id);
    const firstPage = () => pageOf(`${sessionsUrl}/${session.id}/line_items`, lineItems, { limit: 10 });
    res.json({ ...withUrl(session), ...(expand.includes('line_items') && { line_items: firstPage() }) });
  });

  router.get(`${sessionsUrl}/:id/line_items`, async (req, res) => {
    const page = read(pageParams, req.query);
    const { session, lineItems } = await existing(sessions, req.params.id);
    res.json(pageOf(`${sessionsUrl}/${session.id}/line_items`, lineItems, page));
  });

  router.post(`${sessionsUrl}/:id/expire`, async (req, res) => {
    const { session } = await existing(sessions, req.params.id);
    if (session.status !== 'open')
      throw new Refusal(400, `Only an open session can expire; this one is ${session.status}.`);
    res.json(await sessions.expire(session.id));
  });

  return router;
}

function eventRoutes(events: Files<SessionEvent>): Router {
  const router = express.Router();

  router.get('/v1/events', async (req, res) => {
    const { created, type, types, delivery_success, ...page } = read(eventsParams, req.query);
    // pending_webhooks counts the endpoints that have not acknowledged the event.
    const wanted = (event: SessionEvent) =>
      isWithin(created, event) &&
      (type === undefined || isOfType(event, type)) &&
      (types?.includes(event.type) ?? true) &&
      (delivery_success === undefined || delivery_success === (event.pending_webhooks === 0));
    res.json(pageOf('/v1/events', newestFirst(await events.all()), page, wanted));
  });

  router.get('/v1/events/:id', async (req, res) => {
    const event = await events.find(req.params.id);
    if (event === null)
      throw new Refusal(404, `No such event: ${req.params.id}`, { code: 'resource_missing', param: 'id' });
    res.json(event);
  });

  return router;
}

const retrieveParams = z.strictObject({ expand: z.array(z.literal('line_items')).default([]) });

const sessionsParams = pageParams.extend({
  created,
  status: z.enum(['open', 'complete', 'expired']).optional(),
  payment_intent: z.string().optional(),
  subscription: z.string().optional(),
});
const eventsParams = pageParams.extend({
  created,
  type: z.string().optional(),
  types: z.array(z.string()).max(20).optional(),
  delivery_success: z.stringbool().optional(),
});

/** `type` is one, or what a group of them begins with: `checkout.session.*`. */
function isOfType(event: SessionEvent, type: string): boolean {
  return type.endsWith('*') ? event.type.startsWith(type.slice(0, -1)) : event.type === type;
}

async function existing(sessions: Sessions, id: string): Promise<StoredSession> {
  const stored = await sessions.find(id);
  if (stored !== null) return stored;
  throw new Refusal(404, `No such checkout.session: ${id}`, { code: 'resource_missing', param: 'session' });
}

function read<T>(shape: z.ZodType<T>, params: unknown): T {
  const parsed = shape.safeParse(params);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const [first, ...rest] = issue?.path ?? [];
  const param = [String(first ?? ''), ...rest.map((key) => `[${String(key)}]`)].join('');
  const fault = [param, issue?.message].filter(Boolean).join(': ');
  throw new Refusal(400, `The sandbox's stand-in for Stripe does not take this. ${fault}`, { param });
}

const answersLikeStripe: RequestHandler = (req, res, next) => {
  res.set({ 'request-id': newId('req_', 14), 'stripe-version': req.get('stripe-version') ?? '' });
  next();
};

const withKey: RequestHandler = (req, _res, next) => {
  if (!/^(Bearer|Basic) \S/i.test(req.get('authorization') ?? '')) {
    throw new Refusal(401, 'You did not provide an API key. Any key will do for the sandbox.');
  }
  next();
};

function refusals(log: Logger): ErrorRequestHandler {
  return (error, req, res, _next) => {
    const { status = 500, code, param } = error as Partial<Refusal>;
    if (status >= 500) log.error({ path: req.path, reason: messageOf(error) }, "Stripe's stand-in failed");
    const type = status >= 500 ? 'api_error' : 'invalid_request_error';
    res.status(status).json({ error: { type, message: messageOf(error), code, param } });
  };
}
