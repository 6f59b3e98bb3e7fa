import { Command } from 'commander';
import { loadForMigration } from '../config.ts';
import { createLogger } from '../logger.ts';
import { runProgram } from '../program.ts';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';

/** `npm run migrate`: for deployments where the service itself may not change the schema. An argument means something else, and is refused. */
new Command('npm run migrate')
  .description('Brings the schema up to date.')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();

await runProgram(async () => {
  const config = loadForMigration();
  const log = createLogger(config.logLevel, process.stdout.isTTY);
  const database = await openDatabase(config, log);
  try {
    await migrate(database.url, log);
    log.info('the database has every migration');
  } finally {
    await database.stop();
  }
});
