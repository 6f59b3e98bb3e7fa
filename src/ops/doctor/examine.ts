import type { Config } from '../../config.ts';
import { openOpsPool } from '../../db/database.ts';
import { isTableMissing } from '../../db/errors.ts';
import type { Knex } from '../../db/knex.ts';
import { pendingMigrations } from '../../db/migrations.ts';
import { createLogger } from '../../logger.ts';
import { createStripe } from '../../stripe/client.ts';
import { configurationChecks } from './configuration.ts';
import { databaseChecks, findServer } from './database.ts';
import { check, type Finding, failed, noneChecked, notChecked, ok, type Verdict } from './finding.ts';
import { outwardChecks } from './outward.ts';
import { examineStripe, stripeChecks } from './stripe.ts';

/** All that can be wrong with a process like this one, from near to far. Without a configuration it ends there. */
export async function examine(configure: () => Config): Promise<Finding[]> {
  let config: Config;
  try {
    config = configure();
  } catch (error) {
    return [{ check: 'configuration', ...failed(error) }];
  }
  return [
    { check: 'configuration', ...ok(`sound: ${modeOf(config)}`) },
    ...(await check(outwardChecks, config)),
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
  try {
    const db = await openOpsPool(config, log, opened);
    const server = await findServer(db);
    const findings = await check(databaseChecks, { db, config }, (error) => failedIn(db, error));
    return [{ check: 'database', ...server }, ...findings];
  } catch (error) {
    const rest = noneChecked(Object.keys(databaseChecks), 'there is no database to ask');
    return [{ check: 'database', ...failed(error) }, ...rest];
  }
}

/** Before the migrations there is nothing to look at. After them a missing table is what a restore has left out. */
async function failedIn(db: Knex, error: unknown): Promise<Verdict> {
  const isEarly = isTableMissing(error) && (await pendingMigrations(db)).length > 0;
  return isEarly ? notChecked('its tables are not there yet') : failed(error);
}

async function examineApi(config: Config): Promise<Finding[]> {
  const { secretKey, apiBase } = config.stripe;
  return secretKey === null
    ? noneChecked(stripeChecks, 'sandbox')
    : examineStripe(createStripe(secretKey, apiBase), config);
}
