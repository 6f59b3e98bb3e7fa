import { connect, createServer } from 'node:net';
import { listen } from './listen.ts';

/** pgbouncer as far as a connection's beginning goes: it knows no statement_timeout, and says so in its own words, or others. */
export async function startPooler(
  databaseUrl: string,
  sqlState = '08P01',
  words = 'unsupported startup parameter: statement_timeout',
): Promise<{ readonly url: string; readonly words: string }> {
  const target = new URL(databaseUrl);
  const server = createServer((near) => {
    near.once('data', (startup: Buffer) => {
      if (startup.includes('statement_timeout\0')) return void near.end(refusal(sqlState, words));
      const far = connect(Number(target.port), target.hostname).on('error', () => {});
      near.once('close', () => far.destroy());
      far.write(startup);
      near.pipe(far).pipe(near);
    });
  });
  const url = new URL(databaseUrl);
  url.port = String(await listen(server));
  return { url: url.href, words };
}

function refusal(sqlState: string, words: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${words}\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
