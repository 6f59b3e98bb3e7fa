import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { typedOption } from '../src/command-line.ts';
import { wholeNumber } from '../src/shapes.ts';
import { benchFulfillment } from './fulfillment.ts';
import { benchGrowth } from './growth.ts';
import { benchIngest } from './ingest.ts';
import { benchLayouts } from './layouts.ts';
import { benchSoak } from './soak.ts';
import { openRig, type Report, type Rig } from './support/rig.ts';

const results = path.join(import.meta.dirname, 'results');

interface Options {
  readonly rounds: number;
  readonly orders: number;
  readonly minutes: number;
}

/** Each part by the name of its flag. Without a flag: those that say how fast the service is. */
const parts: Readonly<Record<string, (rig: Rig, options: Options) => Promise<Report>>> = {
  ingest: benchIngest,
  fulfillment: benchFulfillment,
  grow: benchGrowth,
  layouts: benchLayouts,
  soak: benchSoak,
};
const usual = ['ingest', 'fulfillment'];

const count = typedOption(wholeNumber(1, 100_000_000));

const program = new Command('npm run bench --')
  .description('Measures the service on this machine. The figures go to the terminal and to bench/results.')
  .option('--ingest', 'deliveries a second, beside the ceiling and a naive handler')
  .option(
    '--fulfillment',
    'orders a second from a backlog, how late at a usual load, and what the web notices',
  )
  .option('--grow', 'a database of a year of orders: space, ingest, questions, the retention job')
  .option(
    '--layouts',
    'one process and several, behind nginx and pgbouncer (bench/install-peers.sh), and whether each is right',
  )
  .option('--soak', 'memory over a long run at half load, and while the database stands still')
  .option('--rounds <n>', 'interleaved rounds of which medians are taken', count, 5)
  .option('--orders <n>', 'orders of the year that --grow fills in', count, 1_000_000)
  .option('--minutes <n>', 'how long --soak takes', count, 10)
  .parse();

const options = program.opts<Options & Record<string, unknown>>();
const chosen = Object.keys(parts).filter((name) => name in options);

for (const name of chosen.length > 0 ? chosen : usual) {
  await using rig = await openRig();
  const { lines, figures, chart } = await (parts[name] as (typeof parts)[string])(rig, options);
  process.stdout.write(`${lines.join('\n')}\n\n`);
  const machine = { cpu: os.cpus()[0]?.model, cores: os.availableParallelism(), node: process.version };
  const file = path.join(results, name);
  const content = { on: new Date().toISOString().slice(0, 10), machine, ...figures };
  writeFileSync(`${file}.json`, `${JSON.stringify(content, null, 2)}\n`);
  if (chart !== undefined) writeFileSync(`${file}.svg`, chart);
}
