import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { createTestDatabase } from './support/database.ts';
import { dictionaryOf } from './support/dictionary.ts';
import { ops } from './support/ops.ts';

const root = path.join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

const { db, url: DATABASE_URL } = await createTestDatabase();

test('the runbook has an entry for every alert', () => {
  const alerts = [...read('ops/alerts.rules.yml').matchAll(/alert: (\w+)/g)].map(([, name]) => name);
  const entries = [...read('docs/operating.md').matchAll(/^## (Checkout\w+)$/gm)].map(([, name]) => name);
  expect(entries.toSorted()).toEqual(alerts.toSorted());
});

test('the data dictionary is what the database says of itself', async () => {
  const dictionary = await dictionaryOf(db);
  if (process.env.WRITE_DOCS) writeFileSync(path.join(root, 'docs/data.md'), dictionary);
  expect(read('docs/data.md')).toBe(dictionary);
});

test('every npm script that the documentation names is there', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const named = pages.flatMap((page) =>
    [...read(page).matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name = '']) => name),
  );
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

test('every command of npm run ops that the documentation names is there, with its options', async () => {
  const named = new Map<string, Set<string>>();
  for (const page of pages) {
    for (const [, line = ''] of read(page).matchAll(/npm run (?:--silent )?ops -- ([a-z][^`\n.)"]*)/g)) {
      const [command = '', ...words] = line.split(/\s+/);
      const options = named.get(command) ?? new Set();
      for (const word of words) if (word.startsWith('--')) options.add(word);
      named.set(command, options);
    }
  }
  expect(named.size).toBeGreaterThan(5);
  for (const [command, options] of named) {
    const help = (await ops({ DATABASE_URL }, command, '--help')).stdout;
    expect([command, help]).toEqual([command, expect.stringContaining(`ops -- ${command}`)]);
    for (const option of options) expect([command, help]).toEqual([command, expect.stringContaining(option)]);
  }
});

test('every file that the documentation links to is there', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) =>
      path.join(path.dirname(page), target),
    ),
  );
  expect(links.length).toBeGreaterThan(10);
  const missing = links.filter((target) => !isThere(target));
  expect(missing).toEqual([]);
});

function isThere(target: string): boolean {
  try {
    return readdirSync(path.join(root, path.dirname(target))).includes(path.basename(target));
  } catch {
    return false;
  }
}
