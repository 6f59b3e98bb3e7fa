import type { Knex } from '../../db/knex.ts';
import { ok, type Verdict, wrong } from './finding.ts';

/**
 * What docs/security.md grants to a role that owns no table, but for what migrations alone write. Where a right is missing,
 * `/readyz` is well, and each delivery may be answered 503.
 * @throws where the tables are not there yet
 */
export async function findRights(db: Knex): Promise<Verdict> {
  const { rows } = await db.raw<{ rows: { lacked: string }[] }>(
    `with ours as (select relnamespace as room, relowner as owner from pg_class where oid = 'orders'::regclass)
     select string_agg(privilege, ', ' order by privilege) || ' on ' || relname as lacked
     from ours join pg_class on relnamespace = room and relowner = owner and relkind = 'r',
       unnest(case relname
         when 'knex_migrations' then array ['select']
         when 'knex_migrations_lock' then array ['select', 'update']
         else array ['select', 'insert', 'update', 'delete'] end) as privilege
     where not has_table_privilege(pg_class.oid, privilege)
     group by relname
     union all
     select 'execute on ' || proname
     from ours join pg_proc on pronamespace = room and proowner = owner and prorettype <> 'trigger'::regtype
     where not has_function_privilege(pg_proc.oid, 'execute')
     order by lacked`,
  );
  if (rows.length > 0)
    return wrong(
      `the role of DATABASE_URL lacks ${rows.map(({ lacked }) => lacked).join('; ')}. Grant it what it needs: docs/security.md`,
    );
  const exposed = await exposedBy(db);
  return exposed === null
    ? ok('the role of DATABASE_URL may do what it must')
    : wrong(
        `${exposed} may read tables or views of the service: through Supabase's Data API, so may anybody. Revoke it: docs/security.md`,
      );
}

/** Supabase grants the roles of its Data API all rights on each new table; row level security there would not cover the views. */
async function exposedBy(db: Knex): Promise<string | null> {
  const { rows } = await db.raw<{ rows: [{ roles: string | null }] }>(
    `with ours as (select relnamespace as room, relowner as owner from pg_class where oid = 'orders'::regclass)
     select string_agg(distinct rolname, ', ') as roles
     from ours join pg_class on relnamespace = room and relowner = owner and relkind in ('r', 'v'), pg_roles
     where rolname in ('anon', 'authenticated') and has_table_privilege(pg_roles.oid, pg_class.oid, 'select')`,
  );
  return rows[0].roles;
}
