import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';

const src = path.join(import.meta.dirname, '..', 'src');

/** Rooms from the top down: a file imports from its own room and from those below it, never upwards. */
const floors = [
  ['main.ts', 'cli.ts'],
  ['run.ts'],
  ['service.ts'],
  ['connect.ts'],
  ['sandbox'],
  ['ops'],
  ['http'],
  ['alerts'],
  ['reconcile'],
  ['fulfillment', 'notifications'],
  ['orders'],
  ['stripe'],
  ['work'],
  ['command-line.ts'],
  ['db'],
  ['tracing'],
  ['config.ts', 'logger.ts', 'loop.ts', 'metrics.ts', 'post.ts', 'program.ts', 'progress.ts', 'within.ts'],
  ['env-file.ts'],
  [
    'age.ts',
    'at-most.ts',
    'counted.ts',
    'errors.ts',
    'once-for-each.ts',
    'one-line.ts',
    'sharing.ts',
    'shapes.ts',
    'turns.ts',
    'whole-file.ts',
  ],
];
const room = (file: string) => file.split('/')[0] ?? '';
const floor = (file: string) => floors.findIndex((rooms) => rooms.includes(room(file)));

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const sources = files.map((file) => ({ file, text: readFileSync(path.join(src, file), 'utf8') }));
const imports = sources.flatMap(({ file, text }) =>
  [...text.matchAll(/(?:from|import)\(? ?'(\.[^']+)'/g)].map(([, target = '']) => ({
    file,
    target: path.join(path.dirname(file), target),
  })),
);

test('every file has its room', () => {
  expect(files.filter((file) => floor(file) < 0)).toEqual([]);
});

test('imports run one way', () => {
  const wrong = imports.filter(
    ({ file, target }) => room(file) !== room(target) && floor(target) <= floor(file),
  );
  expect(wrong).toEqual([]);
});

test('no file imports itself by way of others', () => {
  const reached = (from: string, seen: Set<string>): Set<string> => {
    for (const { target } of imports.filter(({ file }) => file === from)) {
      if (!seen.has(target)) reached(target, seen.add(target));
    }
    return seen;
  };
  expect(files.filter((file) => reached(file, new Set()).has(file))).toEqual([]);
});

test('src lives without what only development needs, and without what is optional', () => {
  const { dependencies } = JSON.parse(readFileSync(path.join(src, '..', 'package.json'), 'utf8'));
  const packages = sources.flatMap(({ text }) =>
    [...text.matchAll(/^(?:import|export|\}) (?:[^'\n]* )?from '((?:@[^/'\n]+\/)?[^./'\n][^/'\n]*)/gm)].map(
      ([, name = '']) => name,
    ),
  );
  expect(packages.length).toBeGreaterThan(50);
  expect(packages.filter((name) => !name.startsWith('node:') && !(name in dependencies))).toEqual([]);
});

test('the environment is read in one place', () => {
  expect(sources.filter(({ text }) => text.includes('process.env')).map(({ file }) => file)).toEqual([
    'config.ts',
  ]);
});

test('no default exports', () => {
  expect(sources.filter(({ text }) => /^export default/m.test(text)).map(({ file }) => file)).toEqual([]);
});
