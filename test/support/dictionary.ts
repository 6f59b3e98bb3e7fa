import type { Knex } from '../../src/db/knex.ts';

/** What docs/data.md says: every table and view with its columns, as the database's own comments have it. */
export async function dictionaryOf(db: Knex): Promise<string> {
  const { rows } = await db.raw<{
    rows: { name: string; is_view: boolean; about: string; columns: string }[];
  }>(`
    select c.relname as name, c.relkind = 'v' as is_view, obj_description(c.oid) as about,
      string_agg(format('| \`%s\` | %s%s | %s |', a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull or c.relkind = 'v' then '' else ', null' end, replace(col_description(c.oid, a.attnum), '|', '\\|')), E'\\n' order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and c.relname not like 'knex_%'
    group by c.oid, c.relname, c.relkind
    order by c.relkind = 'v', c.relname`);
  const sections = rows.map(
    ({ name, is_view, about, columns }) =>
      `## ${name}${is_view ? ' (a view)' : ''}\n\n${about}\n\n| column | type | |\n| --- | --- | --- |\n${columns}\n`,
  );
  return [HEAD, ...sections].join('\n');
}

const HEAD = `# Data dictionary

Every table and view, in the words of the database's own comments: \`\\d+ orders\` in psql says the same. A test holds this page to them
(\`WRITE_DOCS=1 npm test -- test/docs\` writes it anew).
`;
