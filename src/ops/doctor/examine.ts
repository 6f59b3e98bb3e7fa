import { type Config, loadConfig } from '../../config.ts';
import { openOpsPool } from '../../db/database.ts';
import { createLogger } from '../../logger.ts';
import { createStripe } from '../../stripe/client.ts';
import { configurationChecks } from './configuration.ts';
import { databaseChecks, findServer } from './database.ts';
import { check, type Finding, noneChecked, ok, type Verdict, verdictOf } from './finding.ts';
import { examineStripe, stripeChecks } from './stripe.ts';

/** All that can be wrong with a process like this one, from near to far. Without a configuration it ends there. */
export async function examine(): Promise<Finding[]> {
  let config: Config | undefined;
  const sound = await verdictOf(() => {
    config = loadConfig();
    return ok(`sound: ${modeOf(config)}`);
  });
  const configuration = { check: 'configuration', ...sound };
  if (config === undefined) return [configuration];
  return [
    configuration,
    ...(await check(configurationChecks, config)),
    ...(await examineDatabase(config)),
    ...(await examineApi(config)),
  ];
}

function modeOf({ production, sandbox, stripe }: Config): string {
  const mode = sandbox ? 'sandbox' : stripe.livemode ? 'live key' : 'test key';
  return production ? `production, ${mode}` : mode;
}

async function examineDatabase(config: Config): Promise<Finding[]> {
  const log = createLogger('silent', false, 2);
  await using opened = new AsyncDisposableStack();
  let checks: readonly Finding[] = noneChecked(Object.keys(databaseChecks), 'there is no database to ask');
  const server = await verdictOf(async (): Promise<Verdict> => {
    const db = await openOpsPool(config, log, opened);
    const found = await findServer(db);
    checks = await check(databaseChecks, { db, config });
    return found;
  });
  return [{ check: 'database', ...server }, ...checks];
}

async function examineApi(config: Config): Promise<Finding[]> {
  const { secretKey, apiBase } = config.stripe;
  return secretKey === null
    ? noneChecked(stripeChecks, 'sandbox')
    : examineStripe(createStripe(secretKey, apiBase), config);
}
