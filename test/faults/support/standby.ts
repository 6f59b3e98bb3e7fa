import { cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { openPostgres, type PostgresServer, serverDir } from '../../support/postgres.ts';
import { until } from '../../support/until.ts';

/**
 * A standby that follows the primary by way of `link`, and that each commit of the primary waits for. A copy of the files and
 * a label, since not every PostgreSQL brings pg_basebackup along.
 */
export async function startStandby(primary: PostgresServer, link: URL): Promise<PostgresServer> {
  const dir = await serverDir();
  const admin = new pg.Client({ connectionString: primary.url });
  await admin.connect();
  await admin.query("select pg_backup_start('standby', fast => true)");
  await cp(primary.home.data, path.join(dir, 'data'), { recursive: true });
  await cp(primary.home.password, path.join(dir, 'password'));
  const { rows } = await admin.query('select labelfile from pg_backup_stop(wait_for_archive => false)');
  await rm(path.join(dir, 'data', 'postmaster.pid'));
  await writeFile(path.join(dir, 'data', 'backup_label'), rows[0].labelfile);
  await writeFile(path.join(dir, 'data', 'standby.signal'), '');

  const standby = await openPostgres(dir);
  const { hostname, port, username, password } = link;
  await standby.start({
    primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password} sslmode=disable`,
  });
  await admin.query("alter system set synchronous_standby_names = '*'");
  await admin.query('select pg_reload_conf()');
  await until('the standby is synchronous', async () => {
    const { rows } = await admin.query('select sync_state from pg_stat_replication');
    return rows[0]?.sync_state === 'sync';
  });
  await admin.end();
  return standby;
}

export async function promote({ url }: PostgresServer): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('select pg_promote()');
  await client.end();
}
