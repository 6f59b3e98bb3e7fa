import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { createMetrics } from '../../src/metrics.ts';

const read = (file: string) => readFileSync(path.join(import.meta.dirname, '..', '..', 'ops', file), 'utf8');

const { registry } = createMetrics();
const types = new Map(registry.getMetricsAsArray().map(({ name, type }) => [name, String(type)]));
/** A histogram shows in its parts, anything else by its own name. */
const isScraped = (name: string) => {
  const whole = name.replace(/_(bucket|sum|count)$/, '');
  return whole === name ? (types.get(name) ?? 'histogram') !== 'histogram' : types.get(whole) === 'histogram';
};
const metricsIn = (text: string) => text.match(/\b(?:checkout|process|nodejs)_[a-z0-9_]+/g) ?? [];

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly action: string };
}

const rules = parse(read('alerts.rules.yml')).groups.flatMap(
  (group: { readonly rules: readonly Rule[] }) => group.rules,
) as Rule[];

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly options: { readonly textMode?: string };
  readonly targets: readonly {
    readonly expr: string;
    readonly instant?: boolean;
    readonly range?: boolean;
  }[];
}

const panels = JSON.parse(read('grafana-dashboard.json')).panels as Panel[];

test.each(rules)('the alert $alert asks for what is scraped, and says what to do', (rule) => {
  expect(metricsIn(rule.expr)).not.toEqual([]);
  expect(metricsIn(rule.expr).filter((name) => !isScraped(name))).toEqual([]);
  expect(['critical', 'warning']).toContain(rule.labels.severity);
  expect(rule.annotations).toEqual({
    summary: expect.stringMatching(/\.$/),
    action: expect.stringMatching(/^.{40,}\.$/),
  });
  // Bare, a million is written 1e+06.
  expect(rule.annotations.summary).not.toMatch(/\{\{ *\$value *\}\}/);
});

test('there are alerts, and each has a name of its own', () => {
  expect(rules.length).toBeGreaterThan(5);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
});

test('each cause of which the service tells a person has a rule', () => {
  const [, rows = ''] = /^\| cause \| .*\n\| --- .*\n((?:\|.*\n)+)/m.exec(read('../README.md')) ?? [];
  const causes = [...rows.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) => cell.match(/\w+/g) ?? []);
  expect(causes).toContain('clock_off');
  // That work is dead or late shows in figures of its own.
  const ofWork = ['fulfillments_dead', 'notifications_dead', 'orders_unfulfilled'];
  const asked = rules.flatMap(({ expr }) => expr.match(/(?<=checkout_alerts\{cause=")\w+/g) ?? []);
  expect([...ofWork, ...asked].toSorted()).toEqual(causes.toSorted());
});

test('each alert is tried both ways by ops/alerts.test.yml, which promtool runs', () => {
  const tried = (parse(read('alerts.test.yml')).tests as { readonly name: string }[]).map(({ name }) => name);
  expect(rules.filter(({ alert }) => !tried.some((name) => name.startsWith(`${alert},`)))).toEqual([]);
});

test.each(panels)('the panel $title shows what is scraped', ({ targets }) => {
  for (const { expr } of targets) {
    expect(metricsIn(expr)).not.toEqual([]);
    expect(metricsIn(expr).filter((name) => !isScraped(name))).toEqual([]);
  }
});

// One Prometheus scrapes many programs, and a shop's processes may stand in several jobs of it.
test('what other programs export too is asked of the service alone', () => {
  const asked = panels
    .flatMap(({ targets }) => targets)
    .filter(({ expr }) => /\b(process|nodejs)_/.test(expr));
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter(({ expr }) => !expr.endsWith(' and on (job, instance) checkout_database_up'))).toEqual(
    [],
  );
});

test('the panel of alerts names a single one, and says so where there is none', () => {
  const [panel] = panels.filter(({ title }) => title === 'Alerts that are not over');
  // By itself Grafana leaves the name of a single series away.
  expect(panel?.options.textMode).toBe('value_and_name');
  expect(panel?.targets[0]?.expr).toContain('"cause", "none"');
});

// Of a range it would show the last figure there was: alerts that are over by now, and those from before an outage.
test('a panel of one figure shows what is there now', () => {
  const asked = panels.filter(({ type }) => type === 'stat').flatMap(({ targets }) => targets);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter(({ instant, range }) => instant !== true || range !== false)).toEqual([]);
});

test('every metric of our own is on the dashboard, or in an alert', () => {
  const shown = [...rules, ...panels.flatMap(({ targets }) => targets)].flatMap(({ expr }) =>
    metricsIn(expr),
  );
  const missing = [...types.keys()].filter(
    (name) => name.startsWith('checkout_') && !shown.some((one) => one.startsWith(name)),
  );
  expect(missing).toEqual([]);
});
