import type { Knex } from 'knex';

/** Others may keep tables in this schema as well: those are not ours to let people read. */
const onOwnTables = (verb: 'grant' | 'revoke') => `
  for own in select oid::regclass as it from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and relowner = (select oid from pg_roles where rolname = current_user)
  loop
    execute format('${verb} select on %s ${verb === 'grant' ? 'to' : 'from'} checkout_readonly', own.it);
  end loop;`;

/**
 * A role that reads everything and changes nothing, for people and their tools to be members of. Roles belong to the whole
 * server: another database of it may have made this one, in this very moment even, and whoever migrates may not be allowed
 * to make any. Then it is left to the server's owner, and nothing else is missing.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    do $$
    declare own record;
    begin
      begin
        create role checkout_readonly nologin;
      exception when insufficient_privilege or duplicate_object or unique_violation then
        null;
      end;
      if exists (select from pg_roles where rolname = 'checkout_readonly') then
        grant usage on schema public to checkout_readonly;
        ${onOwnTables('grant')}
        alter default privileges in schema public grant select on tables to checkout_readonly;
      else
        raise notice 'there is no role checkout_readonly: who migrates may not make roles';
      end if;
    end
    $$
  `);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    do $$
    declare own record;
    begin
      if exists (select from pg_roles where rolname = 'checkout_readonly') then
        alter default privileges in schema public revoke select on tables from checkout_readonly;
        ${onOwnTables('revoke')}
        revoke usage on schema public from checkout_readonly;
        begin
          drop role checkout_readonly;
        exception when dependent_objects_still_exist or insufficient_privilege then
          -- Another database of the server grants it something, or it is not ours.
          null;
        end;
      end if;
    end
    $$
  `);
}
