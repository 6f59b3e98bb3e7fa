import type { Knex } from '../db/knex.ts';

/** The refused event of this id, or the last one of this checkout session: when and why, in a sentence for whoever misses it. */
export async function refusalOf(
  db: Knex,
  named: { readonly id: string } | { readonly checkout_session_id: string },
): Promise<string | null> {
  const refused = await db('refused_events').where(named).orderBy('last_refused_at', 'desc').first();
  if (!refused) return null;
  return `${refused.id} was refused at ${refused.last_refused_at.toISOString()}. ${refused.reason}`;
}
