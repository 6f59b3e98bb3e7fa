import { pino } from 'pino';

export const silent = pino({ level: 'silent' });

/** A log, and the lines that were written to it. */
export function recordingLog() {
  const lines: Record<string, unknown>[] = [];
  const level = (label: string) => ({ level: label });
  const log = pino(
    { level: 'info', base: null, timestamp: false, formatters: { level } },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  return { log, lines };
}
