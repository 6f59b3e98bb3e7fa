import type { Knex } from '../db/knex.ts';

export interface Action {
  /** `cli:` and the user of the machine; `ops:` and the name given at the login; `ops` for a bearer of OPS_TOKEN, and where none is set. */
  readonly actor: string;
  readonly action: string;
  /** An order's or event's id, `stripe_events` for many of those, `stripe` for reconcile; never an address. */
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Kept with what it changed, or not at all. */
export async function recordAction(trx: Knex.Transaction, action: Action): Promise<void> {
  await recordActions(trx, [action]);
}

/** However many: in one statement. */
export async function recordActions(trx: Knex.Transaction, actions: readonly Action[]): Promise<void> {
  await trx.raw(
    `insert into ops_actions (actor, action, subject, details)
     select actor, action, subject, details
     from json_to_recordset(:actions) as action (actor text, action text, subject text, details jsonb)`,
    { actions: JSON.stringify(actions) },
  );
}
