import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { newId } from './ids.ts';
import { sessionParams } from './session-object.ts';
import { openSessions, type Sessions, type StoredSession } from './sessions.ts';

export interface StandIn {
  readonly url: string;
  close(): Promise<void>;
}

/** Stripe's API for the sandbox: as much of it as a shop needs to sell and this service to fulfil. */
export async function startStandIn({ dir, log }: { dir: string; log: Logger }): Promise<StandIn> {
  const server = createServer(standInApp(await openSessions(dir), log));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** An answer with a Stripe error in it: https://docs.stripe.com/api/errors. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly code: string | undefined;
  readonly param: string | undefined;

  constructor(status: number, message: string, { code, param }: { code?: string; param?: string } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

function standInApp(sessions: Sessions, log: Logger): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'extended');
  app.use(
    answersLikeStripe,
    withKey,
    express.urlencoded({ extended: true, limit: '1mb', parameterLimit: 10_000 }),
  );

  app.post('/v1/checkout/sessions', async (req, res) => {
    const { session } = await sessions.create(read(sessionParams, req.body ?? {}));
    res.json(session);
  });

  app.get('/v1/checkout/sessions/:id', async (req, res) => {
    const { expand } = read(retrieveParams, req.query);
    const stored = await existing(sessions, req.params.id);
    const expanded = expand.includes('line_items') && { line_items: pageOf(stored, { limit: 10 }) };
    res.json({ ...stored.session, ...expanded });
  });

  app.get('/v1/checkout/sessions/:id/line_items', async (req, res) => {
    const page = read(listParams, req.query);
    res.json(pageOf(await existing(sessions, req.params.id), page));
  });

  app.use((req) => {
    throw new Refusal(404, `Unrecognized request URL (${req.method}: ${req.path}).`);
  });
  app.use(refusals(log));
  return app;
}

const retrieveParams = z.strictObject({ expand: z.array(z.literal('line_items')).default([]) });

const listParams = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(10),
  starting_after: z.string().optional(),
});

function pageOf(
  { session, lineItems }: StoredSession,
  { limit, starting_after }: z.infer<typeof listParams>,
) {
  const cursor = lineItems.findIndex((item) => item.id === starting_after);
  if (starting_after !== undefined && cursor === -1) {
    throw new Refusal(400, `No such line item: '${starting_after}'`, {
      code: 'resource_missing',
      param: 'starting_after',
    });
  }
  const rest = lineItems.slice(cursor + 1);
  return {
    object: 'list',
    data: rest.slice(0, limit),
    has_more: rest.length > limit,
    url: `/v1/checkout/sessions/${session.id}/line_items`,
  };
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
  throw new Refusal(400, [param, issue?.message].filter(Boolean).join(': '), { param });
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
