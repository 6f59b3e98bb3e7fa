import type Stripe from 'stripe';
import type { Knex } from '../../db/knex.ts';
import type { Shop } from '../../notifications/messages.ts';
import type { ReceiverFiles } from '../receiver.ts';
import type { Sessions } from '../sessions.ts';
import type { Courier } from './courier.ts';
import type { Journal } from './journal.ts';

export interface Stage {
  readonly db: Knex;
  readonly stripe: Stripe;
  readonly sessions: Sessions;
  readonly journal: Journal;
  readonly courier: Courier;
  readonly receiver: ReceiverFiles;
  /** The service's fulfilments come to the sandbox's receiver. */
  readonly receives: boolean;
  readonly webhookSecret: string;
  readonly opsToken: string | null;
  readonly shop: Shop;
}
