import { randomUUID } from 'node:crypto';
import { afterAll } from '@jest/globals';
import { type Knex, openPool } from '../../src/db/knex.ts';
import { silent } from './log.ts';

export interface TestDatabase {
  readonly url: string;
  readonly db: Knex;
}

const serverUrl = () => process.env.TEST_POSTGRES_URL as string;

/** A database of the test file's own, with every migration (or none), gone when the file ends. */
export async function createTestDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asAdmin((admin) =>
    admin.raw('create database :name: template :template:', {
      name,
      template: migrated ? process.env.TEST_POSTGRES_TEMPLATE : 'template1',
    }),
  );
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  const db = patient(openPool(url.href, { kind: 'worker', max: 4, log: silent }));
  afterAll(async () => {
    await db.destroy();
    await asAdmin((admin) => admin.raw('drop database :name: with (force)', { name }));
  });
  return { url: url.href, db };
}

async function asAdmin(work: (admin: Knex) => PromiseLike<unknown>): Promise<void> {
  const admin = patient(openPool(serverUrl(), { kind: 'migration', max: 1, log: silent }));
  try {
    await work(admin);
  } finally {
    await admin.destroy();
  }
}

/** A busy machine may take longer to let the test in than the service waits for that: it tries again for half a minute. */
function patient(pool: Knex): Knex {
  Object.assign(pool.client.pool, { acquireTimeoutMillis: 30_000, propagateCreateError: false });
  return pool;
}

/** Everything that news of orders changes, for "and nothing else changed". */
export async function contentsOf(db: Knex) {
  const all = async (table: string, ...order: string[]) => db(table).select().orderBy(order);
  return {
    events: await all('stripe_events', 'id'),
    orders: await all('orders', 'id'),
    transitions: await all('order_transitions', 'id'),
    fulfillments: await all('fulfillments', 'id'),
    lineItems: await all('order_line_items', 'order_id', 'position'),
    notifications: await all('notifications', 'id'),
  };
}
