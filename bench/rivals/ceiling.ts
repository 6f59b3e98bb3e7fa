import express from 'express';
import Stripe from 'stripe';
import { announce } from '../support/announce.ts';
import { WEBHOOK_SECRET } from '../support/events.ts';

/** The ceiling: what Express and `constructEvent` do on one core, and nothing else. */
const app = express();
app.disable('x-powered-by').disable('etag');
app.post('/webhook', express.raw({ type: () => true, limit: '1mb' }), (req, res) => {
  Stripe.webhooks.constructEvent(req.body as Buffer, req.get('stripe-signature') ?? '', WEBHOOK_SECRET);
  res.json({ received: true });
});
announce(app);
