import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

export type { Logger } from 'pino';

/**
 * Logs carry ids, never payloads, secrets or addresses: whoever logs picks the fields. The redaction
 * is the second lock, for the errors of libraries that bring a request or a recipient along.
 */
const redact = {
  paths: [
    'raw',
    'headers',
    'config',
    'address',
    'envelope',
    'response',
    'rejected',
    'detail',
    'query',
  ].flatMap((field) => [`err.${field}`, `error.${field}`]),
  remove: true,
};

/**
 * Lines are written beside the work, those that come during a write together: a write a line cost 12 us an event. They
 * are out before the process exits, unless it is killed. Whoever reads them too slowly loses some, not the service its memory.
 */
const lines = { sync: false, maxLength: 4 * 1024 * 1024 };

/**
 * @param pretty lines for a person at a terminal instead of JSON
 * @param fd 2, standard error, for a command whose output is its result
 */
export function createLogger(level: string, pretty: boolean, fd: 1 | 2 = 1): Logger {
  if (!pretty) return pino({ level, redact }, destination(fd));
  const stream = fd === 1 ? process.stdout : process.stderr;
  // A terminal that is closed takes no line more, and the stop that it begins would end with the first.
  stream.on('error', () => {});
  const format = prettyFactory({
    colorize: stream.hasColors(),
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss',
  });
  return pino({ level, redact }, { write: (line: string) => void stream.write(format(line)) });
}

/** What the last lines may take at the end: a reader that had stopped reading, or a pager that was left, kept the process for ever. */
const LAST_LINES_MS = 500;

/**
 * A log file on a full disk costs lines and nothing else: they are tried again with the next one. pino itself would end
 * the process, and at its exit try them without end: the process neither worked nor ended until the disk had room.
 */
function destination(fd: number) {
  let until = Number.POSITIVE_INFINITY;
  const stream = pino.destination({ ...lines, dest: fd, retryEAGAIN: () => performance.now() < until });
  const { flushSync } = stream;
  let taken = true;
  stream.on('write', () => {
    taken = true;
  });
  stream.on('error', () => {
    taken = false;
  });
  stream.flushSync = () => {
    if (!taken) return;
    until = performance.now() + LAST_LINES_MS;
    try {
      flushSync.call(stream);
    } catch {
      // Nobody is left to be told.
    }
  };
  return stream;
}
