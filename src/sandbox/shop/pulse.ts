import type { Knex } from '../../db/knex.ts';
import type { Pulse } from '../../ops/live.ts';
import { pulseOf } from '../../ops/pulse.ts';
import type { ReceiverFiles } from '../receiver.ts';
import type { Journal } from './journal.ts';

/** A topic is a checkout session: what the service keeps of its order, and what the sandbox did. */
export function sandboxPulse(db: Knex, journal: Journal, { requests, outages }: ReceiverFiles): Pulse {
  const ofOrders = pulseOf(db);
  return async (topics) => {
    const orders = await db('orders')
      .select('id', 'checkout_session_id')
      .whereIn('checkout_session_id', topics);
    const pulses = await ofOrders(orders.map(({ id }) => `order:${id}`));
    const entries = topics.map(async (topic): Promise<[string, string]> => {
      const order = orders.find(({ checkout_session_id }) => checkout_session_id === topic);
      const { deeds, decided } = journal.episode(topic);
      const received = (await requests.find(topic))?.length;
      const { down } = (await outages.find(topic)) ?? {};
      return [topic, [pulses.get(`order:${order?.id}`), deeds.length, decided, received, down].join()];
    });
    return new Map(await Promise.all(entries));
  };
}
