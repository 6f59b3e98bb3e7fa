import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { benchIngest } from './ingest.ts';
import { openRig, type Report, type Rig } from './support/rig.ts';

const results = path.join(import.meta.dirname, 'results');

interface Options {
  readonly rounds: number;
}

/** Each part by the name of its flag. Without a flag: those that say how fast the service is. */
const parts: Readonly<Record<string, (rig: Rig, options: Options) => Promise<Report>>> = {
  ingest: benchIngest,
};
const usual = ['ingest'];

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

const program = new Command('npm run bench --')
  .description('Measures the service on this machine. The figures go to the terminal and to bench/results.')
  .option('--ingest', 'deliveries a second, beside the ceiling and a naive handler')
  .option('--rounds <n>', 'interleaved rounds of which medians are taken', wholeNumber, 5)
  .parse();

const { rounds, ...flags } = program.opts<{ rounds: number } & Record<string, unknown>>();
const chosen = Object.keys(parts).filter((name) => name in flags);

for (const name of chosen.length > 0 ? chosen : usual) {
  await using rig = await openRig();
  const { lines, figures, chart } = await (parts[name] as (typeof parts)[string])(rig, { rounds });
  process.stdout.write(`${lines.join('\n')}\n\n`);
  const machine = { cpu: os.cpus()[0]?.model, cores: os.availableParallelism(), node: process.version };
  const file = path.join(results, name);
  const content = { on: new Date().toISOString().slice(0, 10), machine, ...figures };
  writeFileSync(`${file}.json`, `${JSON.stringify(content, null, 2)}\n`);
  if (chart !== undefined) writeFileSync(`${file}.svg`, chart);
}
