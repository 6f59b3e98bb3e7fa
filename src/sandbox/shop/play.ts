import { atMost } from '../../at-most.ts';
import { messageOf } from '../../errors.ts';
import { sessionEvent } from '../events.ts';
import type { Session } from '../session-object.ts';
import type { CheckoutForm } from './checkout-form.ts';
import type { Stage } from './stage.ts';

/** Checkout keeps the customer back until the shop has acknowledged the event: at Stripe for 10 s at most. */
const KEEP_CUSTOMER_MS = 1_000;

interface Payment {
  readonly id: string;
  readonly by: 'card' | 'bank';
  readonly form: CheckoutForm;
  /** Where the service answers. */
  readonly service: string;
}

/** The customer pays, and Stripe says so. */
export async function play(stage: Stage, { id, by, form, service }: Payment): Promise<void> {
  const { sessions, journal, courier, receiver } = stage;
  const { buyer, trouble } = form;
  const episode = journal.episode(id);
  episode.trouble = trouble;
  if (trouble.has('down')) {
    await receiver.outages.save(id, { down: true });
    journal.note(id, 'shop', 'bad', 'The receiver goes down.');
  }
  const paid = by === 'card' ? await sessions.payNow(id, buyer) : await sessions.payLater(id, buyer);
  const event = sessionEvent('checkout.session.completed', paid);
  const how = paid.payment_status === 'no_payment_required' ? 'has nothing to pay' : `pays by ${by}`;
  journal.note(id, 'stripe', 'plain', `The customer ${how}: payment_status ${paid.payment_status}.`);
  if (by === 'bank' && trouble.has('shuffle')) {
    episode.held = event;
    await courier.keep(event);
    journal.note(id, 'stripe', 'wait', `${event.type} is held until the bank has spoken.`);
    return;
  }
  await atMost(KEEP_CUSTOMER_MS, courier.send(event, endpointOf(stage, service)));
}

/** The bank has moved the money of a debit, or refuses to, and Stripe says so. */
export async function decide(
  stage: Stage,
  session: Session,
  decision: 'pays' | 'declines',
  service: string,
): Promise<void> {
  const { sessions, journal, courier } = stage;
  const { id } = session;
  const episode = journal.episode(id);
  episode.decided = true;
  journal.note(id, 'stripe', 'plain', `The bank ${decision}.`);
  const event =
    decision === 'pays'
      ? sessionEvent('checkout.session.async_payment_succeeded', await sessions.receivePayment(id))
      : sessionEvent('checkout.session.async_payment_failed', session);
  const { held } = episode;
  episode.held = null;
  const sendBoth = async () => {
    await courier.send(event, endpointOf(stage, service));
    if (held) await courier.send(held, endpointOf(stage, service));
  };
  await atMost(KEEP_CUSTOMER_MS, sendBoth());
}

/** What the backend of a shop does when its success page is loaded. */
export async function landOn(
  { journal, opsToken }: Pick<Stage, 'journal' | 'opsToken'>,
  id: string,
  service: string,
): Promise<void> {
  const at = new Date();
  const asking = askToFulfil(`${service}/checkout-sessions/${id}/fulfill`, opsToken);
  const { ok, answer } = await asking.catch((error) => ({ ok: false, answer: messageOf(error) }));
  const words = `The success page asks POST /checkout-sessions/…/fulfill. The service answered ${answer}.`;
  journal.note(id, 'shop', ok ? 'good' : 'bad', words, at);
}

async function askToFulfil(url: string, opsToken: string | null) {
  const response = await fetch(url, {
    method: 'POST',
    headers: opsToken === null ? {} : { authorization: `Bearer ${opsToken}` },
    signal: AbortSignal.timeout(10_000),
  });
  const { status, error } = (await response.json()) as { status?: string; error?: { code: string } };
  return { ok: response.ok, answer: `${response.status}, ${status ?? error?.code}` };
}

function endpointOf({ webhookSecret: secret }: Stage, service: string) {
  return { url: `${service}/webhook`, secret };
}
