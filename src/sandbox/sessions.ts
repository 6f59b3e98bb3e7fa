import type Stripe from 'stripe';
import { openFiles } from './files.ts';
import { newId } from './ids.ts';
import { type Choice, withChoice } from './prices.ts';
import {
  newLineItem,
  newSession,
  newShippingRate,
  type Session,
  type StoredSession,
} from './session-object.ts';
import type { SessionParams } from './session-params.ts';

export interface Buyer {
  readonly name: string;
  readonly email: string;
  readonly address: Stripe.Address;
}

/** Stripe's checkout sessions and what happens to them. */
export interface Sessions {
  create(params: SessionParams): Promise<StoredSession>;
  find(id: string): Promise<StoredSession | null>;
  all(): Promise<readonly Session[]>;
  choose(id: string, choice: Choice): Promise<Session>;
  expire(id: string): Promise<Session>;
  /** The buyer pays by card. Where there is nothing to pay, the page asks for no payment. */
  payNow(id: string, buyer: Buyer): Promise<Session>;
  /** The buyer lets a bank debit be made, whose money is still to come. */
  payLater(id: string, buyer: Buyer): Promise<Session>;
  /** The money has come. When it does not come, nothing in the session tells: only an event says so. */
  receivePayment(id: string): Promise<Session>;
}

export async function openSessions(dir: string): Promise<Sessions> {
  const files = await openFiles<StoredSession>(dir, 'cs_test_');
  const { find } = files;
  const save = (stored: StoredSession) => files.save(stored.session.id, stored);

  async function change(id: string, changed: (stored: StoredSession) => StoredSession): Promise<Session> {
    const stored = await find(id);
    if (stored === null) throw new Error(`there is no checkout session ${id}`);
    const result = changed(stored);
    await save(result);
    return result.session;
  }

  const changeSession = (id: string, changed: (session: Session) => Session) =>
    change(id, (stored) => ({ ...stored, session: changed(stored.session) }));

  return {
    find,
    all: async () => (await files.all()).map(({ session }) => session),
    async create(params) {
      const lineItems = params.line_items.map(newLineItem);
      const shippingRates = params.shipping_options.map(newShippingRate);
      const session = newSession(params, lineItems, shippingRates);
      const untouched = { quantities: {}, promotionCode: null, shippingRate: shippingRates[0]?.id ?? null };
      const stored = withChoice({ session, lineItems, shippingRates }, untouched);
      await save(stored);
      return stored;
    },
    choose: (id, choice) => change(id, (stored) => withChoice(stored, choice)),
    expire: (id) => changeSession(id, (session) => ({ ...session, status: 'expired' })),
    payNow: (id, buyer) =>
      changeSession(id, (session) =>
        complete(session, buyer, session.amount_total === 0 ? 'no_payment_required' : 'paid'),
      ),
    payLater: (id, buyer) => changeSession(id, (session) => complete(session, buyer, 'unpaid')),
    receivePayment: (id) => changeSession(id, (session) => ({ ...session, payment_status: 'paid' })),
  };
}

/** The session once its customer has paid, or has let a bank debit be made (`unpaid`). */
export function complete(
  session: Session,
  { name, email, address }: Buyer,
  paymentStatus: Session['payment_status'],
): Session {
  const shipped = session.shipping_address_collection !== null;
  return {
    ...session,
    status: 'complete',
    payment_status: paymentStatus,
    payment_intent: paymentStatus === 'no_payment_required' ? null : newId('pi_3', 23),
    collected_information: {
      business_name: null,
      individual_name: null,
      shipping_details: shipped ? { address, name } : null,
    },
    customer_details: {
      address,
      business_name: null,
      email,
      individual_name: null,
      name,
      phone: null,
      tax_exempt: 'none',
      tax_ids: [],
    },
  };
}
