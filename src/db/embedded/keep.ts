import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { faultOf, messageOf } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Connection } from './connection.ts';

export type Log = Pick<Logger, 'info' | 'warn' | 'error'>;

/** A server that lasted this long has got over what ended the one before. */
const CALM_MS = 30_000;
const LONGEST_PAUSE_MS = 5_000;

/** Brings the server back whenever it goes away (a full disk, kill -9), until the signal. */
export async function keepServer(
  first: Connection,
  { revive, log, signal }: { revive: () => Promise<Connection>; log: Log; signal: AbortSignal },
): Promise<void> {
  const stopped = once(signal, 'abort');
  let connection: Connection | undefined = first;
  let pauseMs = 0;
  while (connection) {
    const since = performance.now();
    connection.client.unref();
    await Promise.race([connection.ended, stopped]);
    if (signal.aborted) return connection.client.end();

    const lost = performance.now();
    if (lost - since > CALM_MS) pauseMs = 0;
    log.error('PostgreSQL went away: bringing it back');
    connection = undefined;
    while (!connection && !signal.aborted) {
      await pause(pauseMs, undefined, { signal, ref: false }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2 + 100, LONGEST_PAUSE_MS);
      connection = await revive().catch((error) => {
        const report = { reason: messageOf(error), ...faultOf(error) };
        if (!signal.aborted) log.error(report, 'PostgreSQL is still away: trying again');
        return undefined;
      });
    }
    if (connection) log.warn({ ms: Math.round(performance.now() - lost) }, 'PostgreSQL is back');
  }
}
