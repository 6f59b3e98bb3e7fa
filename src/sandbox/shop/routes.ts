import express, { type Request, type Response, type Router } from 'express';
import type Stripe from 'stripe';
import { originOf } from '../../http/server.ts';
import { orderPaid, paymentFailed } from '../../notifications/messages.ts';
import { NotFound } from '../../ops/identify.ts';
import { orderOfSession, type WholeOrder, wholeOrder } from '../../ops/look-up.ts';
import { send } from '../../ops/pages/send.ts';
import { retryOrder } from '../../ops/retry.ts';
import type { Session, StoredSession } from '../session-object.ts';
import { type CheckoutForm, emptyForm, readCheckoutForm } from './checkout-form.ts';
import { type CheckoutPage, checkoutPage } from './checkout-page.ts';
import type { Episode } from './journal.ts';
import { orderPage } from './order-page.ts';
import { decide, landOn, play } from './play.ts';
import { currency, products, shippingOptions } from './products.ts';
import { shopPage } from './shop-page.ts';
import type { Stage } from './stage.ts';
import { PLAYER } from './story.ts';

export function routes(stage: Stage): Router {
  const { db, stripe, sessions, journal, receiver, receives, shop } = stage;
  const router = express.Router();

  async function sessionOf(id: string): Promise<StoredSession> {
    const stored = await sessions.find(id);
    if (stored === null) throw new NotFound(`There is no checkout session ${id} in this sandbox.`);
    return stored;
  }

  async function orderOf(sessionId: string): Promise<WholeOrder | null> {
    const id = await orderOfSession(db, sessionId);
    return id === null ? null : wholeOrder(db, id);
  }

  /** Chrome asks the page's policy about all that its form leads to, and so about the success page of another shop. */
  async function sendCheckout(res: Response, page: Omit<CheckoutPage, 'receives'>): Promise<void> {
    const { origin } = new URL(page.stored.session.success_url as string);
    const policy = String(res.get('Content-Security-Policy'));
    res.set('Content-Security-Policy', policy.replace("form-action 'self'", `$& ${origin}`));
    await send(res, checkoutPage({ ...page, receives }));
  }

  router.get('/', async (req, res) => {
    await send(res, shopPage({ empty: 'empty' in req.query }));
  });

  router.post('/checkout', async (req, res) => {
    const basket = products.flatMap((product) => {
      const quantity = Math.min(Number(req.body?.[product.id]) || 0, 99);
      return Number.isInteger(quantity) && quantity > 0 ? [{ ...product, quantity }] : [];
    });
    if (basket.length === 0) return res.redirect(303, '/sandbox?empty');
    const { id } = await stripe.checkout.sessions.create(checkoutOf(basket, serviceOf(req)));
    res.redirect(303, `/sandbox/checkout/${id}`);
  });

  router.get('/checkout/:id', async (req, res) => {
    const stored = await sessionOf(req.params.id);
    if (stored.session.status !== 'open') return res.redirect(303, `/sandbox/orders/${stored.session.id}`);
    await sendCheckout(res, { stored, form: emptyForm(stored.session), fault: null });
  });

  router.post('/checkout/:id', async (req, res) => {
    const { id } = (await sessionOf(req.params.id)).session;
    await inTurn(journal.episode(id), () => checkOut(id, req, res));
  });

  async function checkOut(id: string, req: Request, res: Response): Promise<void> {
    const { session } = await sessionOf(id);
    const read = readCheckoutForm(req.body, session);
    if (session.status !== 'open') {
      const words = `The customer pressed Pay again, but the session is ${session.status}: nothing more is paid.`;
      if (read !== null && read.action !== 'update') journal.note(id, 'stripe', 'plain', words);
      return res.redirect(303, `/sandbox/orders/${id}`);
    }
    const again = async (form: CheckoutForm, fault: string | null = null) =>
      sendCheckout(res, { stored: await sessionOf(id), form, fault });
    if (read === null)
      return again(emptyForm(session), 'Fill in every field: a name, an e-mail and an address.');
    const chosen = await sessions.choose(id, read.choice);
    const { action, form, unknownCode } = read;
    if (unknownCode !== null) return again(form, `${unknownCode} is no code that this checkout takes.`);
    if (action === 'update') return again(form);
    if (chosen.amount_total !== read.seenTotal)
      return again(form, 'The total has changed. Look at it, and pay again.');
    await play(stage, { id, by: action, form, service: serviceOf(req) });
    const isGone = form.trouble.has('gone');
    res.redirect(303, isGone ? `/sandbox/orders/${id}` : successPageOf(session, serviceOf(req)));
  }

  router.get('/thanks', async (req, res) => {
    const { session } = await sessionOf(String(req.query.session_id));
    await landOn(stage, session.id, serviceOf(req));
    res.redirect(303, `/sandbox/orders/${session.id}`);
  });

  router.get('/orders/:id', async (req, res) => {
    const { session } = await sessionOf(req.params.id);
    const { id } = session;
    const page = orderPage({
      session,
      episode: journal.episode(id),
      whole: await orderOf(id),
      requests: (await receiver.requests.find(id)) ?? [],
      down: receives ? ((await receiver.outages.find(id))?.down ?? false) : null,
    });
    await send(res, page);
  });

  router.get('/orders/:id/mails/:kind', async (req, res) => {
    const { session } = await sessionOf(req.params.id);
    const whole = await orderOf(session.id);
    if (whole === null) throw new NotFound('There is no such order.');
    const { order, line_items: lineItems } = whole;
    const mail =
      req.params.kind === 'order_paid'
        ? orderPaid({ order, lineItems, shop })
        : paymentFailed({ order, shop });
    // The mail brings its own styles, in its lines; nothing else may run or be loaded.
    res.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    res.set('X-Frame-Options', 'SAMEORIGIN');
    res.type('html').send(mail.html);
  });

  router.post('/orders/:id/bank', async (req, res) => {
    const { session } = await sessionOf(req.params.id);
    const { id, status, payment_status } = session;
    const decision = req.body?.decision === 'pays' ? 'pays' : 'declines';
    if (status === 'complete' && payment_status === 'unpaid' && !journal.episode(id).decided)
      await decide(stage, session, decision, serviceOf(req));
    res.redirect(303, `/sandbox/orders/${id}`);
  });

  router.post('/orders/:id/receiver', async (req, res) => {
    const { id } = (await sessionOf(req.params.id)).session;
    if (req.body?.action === 'repair') {
      await receiver.outages.save(id, { down: false });
      journal.note(id, 'shop', 'plain', 'The receiver is repaired.');
    } else {
      const orderId = await orderOfSession(db, id);
      if (orderId !== null) await retryOrder(db, orderId, PLAYER);
    }
    res.redirect(303, `/sandbox/orders/${id}`);
  });

  return router;
}

/** One request at a time: of two clicks on Pay, the second finds the session complete. */
async function inTurn(episode: Episode, work: () => Promise<void>): Promise<void> {
  const turn = episode.turn.then(work);
  episode.turn = turn.catch(() => {});
  await turn;
}

/** Where Stripe leads the customer who has paid. To the sandbox's own page by a path, under whichever name it was opened. */
function successPageOf({ id, success_url }: Session, service: string): string {
  const page = (success_url as string).replaceAll('{CHECKOUT_SESSION_ID}', id);
  return page.startsWith(`${service}/`) ? page.slice(service.length) : page;
}

/** What a shop's backend asks of Stripe. */
function checkoutOf(
  basket: readonly { name: string; price: number; quantity: number }[],
  service: string,
): Stripe.Checkout.SessionCreateParams {
  return {
    mode: 'payment',
    line_items: basket.map(({ name, price, quantity }) => ({
      price_data: { currency, unit_amount: price, product_data: { name } },
      quantity,
      adjustable_quantity: { enabled: true, minimum: 1, maximum: 99 },
    })),
    allow_promotion_codes: true,
    shipping_address_collection: { allowed_countries: ['DE'] },
    shipping_options: shippingOptions.map(({ name, amount }) => ({
      shipping_rate_data: { display_name: name, type: 'fixed_amount', fixed_amount: { amount, currency } },
    })),
    metadata: { channel: 'sandbox' },
    success_url: `${service}/sandbox/thanks?session_id={CHECKOUT_SESSION_ID}`,
    cancel_url: `${service}/sandbox`,
  };
}

/** Where this very request was answered: the shop's backend and Stripe call the service there. With HOST=::, IPv4 is mapped. */
function serviceOf({ socket: { localAddress = '127.0.0.1', localPort = 80 } }: Request): string {
  return originOf(localAddress.replace('::ffff:', ''), localPort);
}
