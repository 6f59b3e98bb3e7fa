import type { Knex } from '../../src/db/knex.ts';

/** Bytes on disk of a table: its rows, what is kept outside of them (payloads), its indexes. */
export interface Space {
  readonly table: string;
  readonly rows: number;
  readonly outside: number;
  readonly indexes: number;
}

/** The largest first. */
export async function spaceOf(db: Knex): Promise<readonly Space[]> {
  const { rows } = await db.raw<{ rows: Space[] }>(
    `select relname as table, pg_relation_size(oid) as rows,
       coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0) as outside, pg_indexes_size(oid) as indexes
     from pg_class
     where relnamespace = 'public'::regnamespace and relkind = 'r' and relname not like 'knex%'
     order by pg_total_relation_size(oid) desc`,
  );
  return rows;
}

/** Bytes on disk of each index. */
export async function indexSizes(db: Knex): Promise<Readonly<Record<string, number>>> {
  const { rows } = await db.raw<{ rows: { name: string; bytes: number }[] }>(
    `select indexrelname as name, pg_relation_size(indexrelid) as bytes from pg_stat_user_indexes
     where relname not like 'knex%' order by 2 desc`,
  );
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]));
}

/** Bytes of log that the work writes, of the whole server. */
export async function walOf(db: Knex, work: () => Promise<unknown>): Promise<number> {
  const position = async () => {
    const { rows } = await db.raw(`select (pg_current_wal_insert_lsn() - '0/0')::float8 as bytes`);
    return rows[0].bytes as number;
  };
  const before = await position();
  await work();
  return (await position()) - before;
}
