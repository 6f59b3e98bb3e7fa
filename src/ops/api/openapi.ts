import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject } from 'zod-openapi';
import * as shapes from './shapes.ts';

const json = (description: string, schema: z.ZodType) => ({
  description,
  content: { 'application/json': { schema } },
});

interface Operation {
  readonly id: string;
  readonly summary: string;
  readonly gives: z.ZodType;
  readonly refusals: Readonly<Record<string, string>>;
  readonly params?: ZodOpenApiOperationObject['requestParams'];
  readonly takes?: z.ZodType;
}

const operation = ({
  id,
  summary,
  gives,
  refusals,
  params = {},
  takes,
}: Operation): ZodOpenApiOperationObject => ({
  operationId: id,
  summary,
  requestParams: params,
  ...(takes && { requestBody: { required: true, content: { 'application/json': { schema: takes } } } }),
  responses: {
    200: json('Done.', gives),
    ...Object.fromEntries(
      Object.entries({
        401: 'Without the right token.',
        403: 'Without OPS_TOKEN set: to callers elsewhere, and in production to all.',
        ...refusals,
        503: 'The database did not answer in time; or Stripe, which is asked whose a payment or a subscription is.',
      }).map(([status, words]) => [status, json(words, shapes.failure)]),
    ),
  },
});

const order = z.object({
  id: z
    .string()
    .describe(
      "an order's id, its checkout session, its payment, the subscription that began with it, or an event of it",
    ),
});
const event = z.object({ id: z.string().describe('an event, evt_…') });
const sessionAlone = {
  403: 'With the session of a browser, or without OPS_TOKEN set: changes want its bearer.',
};
const unreadable = { 400: 'What is asked for can not be read.' };

/** OpenAPI 3.1, from the shapes that requests are parsed with. */
export const openapi = createDocument({
  openapi: '3.1.1',
  info: {
    title: 'checkout-fulfillment: orders',
    version: '1',
    description:
      'What the pages under /ops show, and what a success page asks, for programs. Amounts are minor units; times are in UTC.',
  },
  servers: [{ url: '/ops/api' }],
  security: [{ token: [] }],
  components: {
    securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'The value of OPS_TOKEN.' } },
  },
  paths: {
    '/orders': {
      get: operation({
        id: 'listOrders',
        summary: 'Lists orders, the newest first',
        params: { query: shapes.orderListQuery },
        gives: shapes.orderList,
        refusals: unreadable,
      }),
    },
    '/orders/{id}': {
      get: operation({
        id: 'getOrder',
        summary: 'Everything about an order',
        params: { path: order },
        gives: shapes.wholeOrder,
        refusals: { 404: 'There is no such order.' },
      }),
    },
    '/orders/{id}/retry': {
      post: operation({
        id: 'retryOrder',
        summary: 'Tries again at once what the order is owed and has not got',
        params: { path: order },
        gives: shapes.retried,
        refusals: { ...sessionAlone, 404: 'There is no such order.' },
      }),
    },
    '/orders/{id}/close': {
      post: operation({
        id: 'closeOrder',
        summary: 'Ends what the order is owed without another attempt: it was fulfilled by hand, or refunded',
        params: { path: order },
        takes: shapes.closing,
        gives: shapes.closed,
        refusals: { ...sessionAlone, ...unreadable, 404: 'There is no such order.' },
      }),
    },
    '/retry-dead': {
      post: operation({
        id: 'retryDead',
        summary: 'Tries again at once all that is dead, of every order',
        gives: shapes.retried,
        refusals: sessionAlone,
      }),
    },
    '/events': {
      get: operation({
        id: 'listEvents',
        summary: 'Lists events whose payload is kept, the newest first',
        params: { query: shapes.eventListQuery },
        gives: shapes.eventList,
        refusals: unreadable,
      }),
    },
    '/events/{id}': {
      get: operation({
        id: 'getEvent',
        summary: 'An event as it is kept',
        params: { path: event },
        gives: shapes.wholeEvent,
        refusals: { 404: 'There is no such event.' },
      }),
    },
    '/events/{id}/replay': {
      post: operation({
        id: 'replayEvent',
        summary: 'Puts the event through the state machine again',
        params: { path: event },
        gives: shapes.replayed,
        refusals: {
          ...sessionAlone,
          400: 'The event can not be read, or what it says not be recorded.',
          404: 'There is no such event.',
          409: 'There is nothing left to replay.',
        },
      }),
    },
    '/checkout-sessions/{id}/fulfill': {
      post: {
        servers: [{ url: '/' }],
        ...operation({
          id: 'fulfillCheckoutSession',
          summary:
            'For the success page: takes what Stripe says of the session, and gives its order, paid or not',
          params: { path: z.object({ id: z.string().describe('a checkout session, cs_…') }) },
          gives: shapes.order,
          refusals: {
            404: 'Stripe has no such session.',
            409: 'The session is not completed, or makes no order.',
            502: "Stripe can't be reached, refuses the key, or answers with what can't be read or kept: the code says which.",
          },
        }),
      },
    },
  },
});
