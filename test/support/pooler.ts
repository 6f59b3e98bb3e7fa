import { connect, createServer } from 'node:net';
import { listen } from './listen.ts';

/** pgbouncer as far as a connection's beginning goes: it knows no statement_timeout, and says so in its own words. */
export async function startPooler(databaseUrl: string): Promise<{ readonly url: string }> {
  const target = new URL(databaseUrl);
  const server = createServer((near) => {
    near.once('data', (startup: Buffer) => {
      if (startup.includes('statement_timeout\0')) return void near.end(REFUSAL);
      const far = connect(Number(target.port), target.hostname).on('error', () => {});
      near.once('close', () => far.destroy());
      far.write(startup);
      near.pipe(far).pipe(near);
    });
  });
  const url = new URL(databaseUrl);
  url.port = String(await listen(server));
  return { url: url.href };
}

const fields = Buffer.from('SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0');
const head = Buffer.from('E\0\0\0\0');
head.writeInt32BE(fields.length + 4, 1);
const REFUSAL = Buffer.concat([head, fields]);
