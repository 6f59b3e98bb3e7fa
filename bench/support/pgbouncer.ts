import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../src/db/embedded/free-port.ts';
import { startPeer } from './peer.ts';
import type { BenchDatabase } from './postgres.ts';
import type { Server } from './process.ts';

/** A pooler of transactions before a database: every setting as it comes, but for `pool_mode`. */
export async function startPgbouncer(dir: string, database: BenchDatabase): Promise<Server> {
  const home = path.join(dir, 'pgbouncer');
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const url = new URL(database.url);
  const file = (name: string, text: string) => {
    writeFileSync(path.join(home, name), text, { mode: 0o600 });
    return path.join(home, name);
  };
  const users = file('userlist.txt', `"${url.username}" "${decodeURIComponent(url.password)}"\n`);
  const config = file(
    'pgbouncer.ini',
    `[databases]
* = host=${url.hostname} port=${url.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
`,
  );
  // It refuses to run as root, and is told whom to become.
  const user = process.getuid?.() === 0 ? ['-u', 'postgres'] : [];
  const peer = await startPeer('pgbouncer', [...user, config], {
    port,
    logFile: path.join(dir, 'pgbouncer.log'),
  });
  url.port = String(port);
  return { ...peer, url: url.href };
}
