import { type Cart, cartOf, freeCartOf } from './carts.ts';
import { type SessionEvent, sessionEvent } from './events.ts';
import type { Session } from './session-object.ts';

/** What can be done to one checkout session. Each of the first three changes it and gives it back. */
interface Stage {
  payNow(): Promise<Session>;
  payLater(): Promise<Session>;
  receivePayment(): Promise<Session>;
  /** Resolves when the service has acknowledged the event. */
  deliver(event: SessionEvent): Promise<void>;
}

interface Scenario {
  readonly about: string;
  readonly cart: (index: number) => Cart;
  /** Where the order must come to rest. */
  readonly ends: 'paid' | 'failed';
  readonly play: (stage: Stage) => Promise<unknown>;
}

const completed = (session: Session) => sessionEvent('checkout.session.completed', session);
const paymentSucceeded = (session: Session) =>
  sessionEvent('checkout.session.async_payment_succeeded', session);
const paymentFailed = (session: Session) => sessionEvent('checkout.session.async_payment_failed', session);

export const scenarios = {
  paid: {
    about: 'a card payment, known to be good at once',
    cart: cartOf,
    ends: 'paid',
    play: async ({ payNow, deliver }) => deliver(completed(await payNow())),
  },
  free: {
    about: 'an order that costs nothing',
    cart: freeCartOf,
    ends: 'paid',
    play: async ({ payNow, deliver }) => deliver(completed(await payNow())),
  },
  'delayed-paid': {
    about: 'a bank debit whose money comes later',
    cart: cartOf,
    ends: 'paid',
    async play({ payLater, receivePayment, deliver }) {
      await deliver(completed(await payLater()));
      await deliver(paymentSucceeded(await receivePayment()));
    },
  },
  'delayed-failed': {
    about: 'a bank debit whose money does not come',
    cart: cartOf,
    ends: 'failed',
    async play({ payLater, deliver }) {
      const session = await payLater();
      await deliver(completed(session));
      await deliver(paymentFailed(session));
    },
  },
  duplicate: {
    about: 'one event delivered five times at once, and a second event for the same change',
    cart: cartOf,
    ends: 'paid',
    async play({ payNow, deliver }) {
      const session = await payNow();
      const event = completed(session);
      await Promise.all([event, event, event, event, event, completed(session)].map(deliver));
    },
  },
  reordered: {
    about: 'a bank debit whose success is heard of before the checkout itself',
    cart: cartOf,
    ends: 'paid',
    async play({ payLater, receivePayment, deliver }) {
      const first = completed(await payLater());
      await deliver(paymentSucceeded(await receivePayment()));
      await deliver(first);
    },
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames = Object.keys(scenarios) as ScenarioName[];
