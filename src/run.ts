import { setTimeout as pause } from 'node:timers/promises';
import { type Config, loadConfig, SANDBOX_WEBHOOK_SECRET } from './config.ts';
import { isPlayed } from './connect.ts';
import { messageOf } from './errors.ts';
import type { Fulfiller } from './fulfillment/fulfiller.ts';
import { createLogger, type Logger } from './logger.ts';
import { runProgram } from './program.ts';
import { type Service, startService } from './service.ts';

/** A stop that takes longer is broken off; what it held is taken up elsewhere when its leases end. */
const STOP_WITHIN_MS = 9_500;

/**
 * What a stop waits for a start that has not come to its end: it may be waiting for another process's migrations.
 * PostgreSQL rolls back what it has begun by then.
 */
const START_GRACE_MS = 1_000;

/**
 * The service as a process: configured by its environment, stopped by a signal.
 * @param fulfil the shop's own, called in place of FULFILLMENT_URL
 */
export function runService(fulfil?: Fulfiller): Promise<void> {
  return runProgram(() => run(fulfil));
}

async function run(fulfil: Fulfiller | undefined): Promise<void> {
  const config = loadConfig();
  const log = createLogger(config.logLevel, process.stdout.isTTY && !config.production);
  const starting = startService(config, log, fulfil);
  let stopping = false;
  const stopOnce = (signal: string) => {
    if (!stopping) void stop(config, starting, signal, log);
    stopping = true;
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stopOnce);
  if (config.underNpm) onShellEnd(() => stopOnce('npm ended'));
  const { url } = await starting;
  announce(config, url, log);
  if (fulfil === undefined) warnOfNoReceiver(config, log);
  if (config.sandbox) announceSandbox(config, url, log);
  else warnOfKnownSecret(config, log);
}

/** npm passes a signal on to its shell, which dies of it and would leave this process behind, holding the port. */
function onShellEnd(stop: () => void): void {
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) stop();
  }, 500).unref();
}

function announce({ role }: Config, url: string, log: Logger): void {
  log.info({ role }, `listening on ${url}`);
  if (role !== 'worker') {
    log.info(`Stripe webhook endpoint: ${url}/webhook`);
    log.info(`pages for operators: ${url}/ops`);
  }
}

function warnOfNoReceiver(config: Config, log: Logger): void {
  if (config.role === 'web' || config.fulfillment.endpoint !== null) return;
  const where = isPlayed(config)
    ? "go to the sandbox's own receiver"
    : 'are only logged and recorded as fulfilled';
  log.warn(`FULFILLMENT_URL is not set: paid orders ${where}`);
}

function warnOfKnownSecret({ role, stripe }: Config, log: Logger): void {
  if (role === 'worker' || !stripe.webhookSecrets.includes(SANDBOX_WEBHOOK_SECRET)) return;
  log.warn(
    "STRIPE_WEBHOOK_SECRET is not set: Stripe's events are refused, and those that anyone signs with the sandbox's secret are taken",
  );
}

function announceSandbox(config: Config, url: string, log: Logger): void {
  log.warn(
    'SANDBOX: no STRIPE_SECRET_KEY is set. Events are simulated, no money moves, nobody must rely on this',
  );
  if (!isPlayed(config)) return;
  if (config.role !== 'worker') log.info(`buy something, and break it: ${url}/sandbox`);
  log.info('or in a second terminal: npm run simulate -- paid');
}

/** Also before the start has come to its end, so that nothing is left half open. A second signal changes nothing. */
async function stop(
  { database }: Config,
  starting: Promise<Service>,
  signal: string,
  log: Logger,
): Promise<void> {
  log.info({ signal }, 'stopping');
  setTimeout(() => {
    log.error('the stop took too long and was broken off');
    process.exit(1);
  }, STOP_WITHIN_MS).unref();
  // An embedded server would be left running.
  const service = await (database.url === null ? starting : Promise.race([starting, pause(START_GRACE_MS)]));
  try {
    await service?.stop();
    log.info('stopped');
    process.exit(0);
  } catch (error) {
    log.error({ reason: messageOf(error) }, 'not all was let go');
    process.exit(1);
  }
}
