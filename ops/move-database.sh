#!/bin/sh
# ops/move-database.sh <from> <to>: copies every row of a database of the service into another one, whose tables `npm run migrate`
# has made: all of them or none, compared afterwards. docs/operating.md says when.
# By psql, of any version: pg_dump refuses a server that is newer than itself, as the embedded one mostly is. And tables that
# the service made have the owner, the rights and the compression that they have elsewhere.
set -eu
from=${1:?from which database?}
to=${2:?to which database?}
# What servers show each in their own way.
export PGTZ=UTC PGCLIENTENCODING=UTF8
scratch=$(mktemp -d)
# Customers are in it, and dash for one calls no EXIT trap where a signal ends it.
trap 'rm -r "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# The role may have time limits of its own (docs/scaling.md, pgbouncer), and a copy takes longer.
patient='set statement_timeout = 0'

# As SQL, and the same from each server: every row, and which numbers were given. Tables refer to orders, so these come first. The
# numbers are asked of each sequence: pg_sequences has null where the role may not see one, as where none was given.
dump() {
  psql "$1" -XAtqv ON_ERROR_STOP=1 -c "$patient" -f - << 'END'
begin isolation level repeatable read read only;
select
  format('select %L', format('copy %I from stdin with (header match);', tablename)),
  format('copy (select * from %1$I order by %1$I::text collate "C") to stdout with (header)', tablename),
  $$select '\.'$$
from pg_tables where schemaname = 'public' and tablename <> 'knex_migrations_lock'
order by tablename <> 'orders', tablename \gexec
select format($$select format('select setval(%%L, %%s);', %1$L, last_value) from %1$I where is_called$$, sequencename)
from pg_sequences where schemaname = 'public' order by 1 \gexec
END
}

dump "$from" > "$scratch/from"
# The rows that are deleted are the migrations' own.
psql "$to" -Xqo /dev/null --single-transaction -v ON_ERROR_STOP=1 \
  -c "$patient" -c 'delete from knex_migrations; delete from reconcile_cursors' -f "$scratch/from"
dump "$to" > "$scratch/to"
cmp "$scratch/from" "$scratch/to"
psql "$to" -XAtqc "$patient" -c "select 'every row is there; orders: ' || count(*) from orders"
