import type { Knex } from 'knex';

/** An event that Stripe signed and the service refused was known to the log and to Prometheus alone. */
export async function up(knex: Knex): Promise<void> {
  await setCauses(knex, [...BEFORE, 'event_refused']);
  await knex.raw(
    `comment on column alerts.cause is 'What is wrong: dead work, orders that wait, signatures that fail, an event that is refused, a clock that is off.'`,
  );
}

const BEFORE = [
  'fulfillments_dead',
  'notifications_dead',
  'orders_unfulfilled',
  'signatures_failing',
  'clock_off',
];

async function setCauses(knex: Knex, causes: readonly string[]): Promise<void> {
  await knex.raw(`
    alter table alerts
      drop constraint alerts_cause_known,
      add constraint alerts_cause_known check (cause in (${causes.map((cause) => `'${cause}'`).join(', ')}));
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex('alerts').where({ cause: 'event_refused' }).delete();
  await setCauses(knex, BEFORE);
  await knex.raw(
    `comment on column alerts.cause is 'What is wrong: dead work, orders that wait, signatures that fail, a clock that is off.'`,
  );
}
