import { styleText } from 'node:util';
import type { Config } from '../config.ts';
import { counted } from '../counted.ts';
import { mailDir, mailFile } from '../notifications/mail-files.ts';
import { messageIdOf } from '../notifications/notify.ts';
import type { SessionOutcome } from './outcomes.ts';
import { type ScenarioName, scenarioNames, scenarios } from './scenarios.ts';
import type { Result } from './simulate.ts';

/** More than these are summed up; of those that went wrong, as many are shown. */
const SHOWN = 10;

export function asText(name: ScenarioName, results: readonly Result[], config: Config): string {
  const wrong = results.filter(({ faults }) => faults.length > 0);
  const shown = results.length > SHOWN ? wrong.slice(0, SHOWN) : results;
  const blocks = [
    `${name}: ${scenarios[name].about}`,
    ...shown.map((result) => story(result, config)),
    results.length > SHOWN && summary(results, config),
    wrong.length === 0 ? next(name) : wrongLine(wrong.length, results.length),
  ];
  return `${blocks.filter((block) => block !== false).join('\n\n')}\n`;
}

export function dataOf(scenario: ScenarioName, results: readonly Result[], config: Config): object {
  const sessions = results.map(({ checkoutSessionId, outcome, faults }) => ({
    checkout_session_id: checkoutSessionId,
    order_id: outcome?.order_id ?? null,
    status: outcome?.status ?? null,
    payment_status: outcome?.payment_status ?? null,
    line_items: outcome?.line_items ?? 0,
    fulfillments: (outcome?.fulfillments ?? []).map(({ status, attempts }) => ({ status, attempts })),
    mails: (outcome?.mails ?? []).map((mail) => ({
      kind: mail.kind,
      status: mail.status,
      file: fileOf(mail, checkoutSessionId, config),
    })),
    faults,
  }));
  return { scenario, ok: isAllWell(results), sessions };
}

export function isAllWell(results: readonly Result[]): boolean {
  return results.every(({ faults }) => faults.length === 0);
}

function story({ checkoutSessionId, outcome, faults }: Result, config: Config): string {
  const lines = outcome === undefined ? [] : storyLines(outcome, config);
  const mark = faults.length === 0 ? styleText('green', '✓') : styleText('red', '✗');
  return [
    `${mark} ${checkoutSessionId}`,
    ...lines.map(([label, text]) => `  ${label.padEnd(12)} ${text}`),
    ...faults.map((fault) => styleText('red', `  ${fault}`)),
  ].join('\n');
}

function storyLines(outcome: SessionOutcome, config: Config): (readonly [label: string, text: string])[] {
  const { order_id, status, customer_name, line_items, fulfillments, mails, checkout_session_id } = outcome;
  const items = line_items > 0 ? `, ${counted(line_items, 'line item')}` : '';
  return [
    ['order', `${order_id} of ${customer_name}, ${status}${items}`],
    [
      'fulfillment',
      list(fulfillments.map((work) => `${work.status} (${counted(work.attempts, 'attempt')})`)),
    ],
    ...mails.map((mail) => {
      const file = fileOf(mail, checkout_session_id, config);
      return ['mail', `${mail.kind}, ${mail.status}${file === null ? '' : `: ${file}`}`] as const;
    }),
  ];
}

function summary(results: readonly Result[], { mail, dataDir }: Config): string {
  const outcomes = results.flatMap(({ outcome }) => outcome ?? []);
  const items = outcomes.reduce((sum, outcome) => sum + outcome.line_items, 0);
  const mails = outcomes.flatMap((outcome) => outcome.mails.map(({ kind, status }) => `${kind}, ${status}`));
  return [
    ['sessions', `${results.length}`],
    ['orders', tally(outcomes.map(({ status }) => status))],
    ['line items', `${items}`],
    ['fulfillments', tally(outcomes.flatMap(({ fulfillments }) => fulfillments.map(({ status }) => status)))],
    ['mails', tally(mails) + (mail.smtpUrl === null && mails.length > 0 ? `: ${mailDir(dataDir)}/` : '')],
  ]
    .map(([label = '', text]) => `  ${label.padEnd(12)} ${text}`)
    .join('\n');
}

function tally(words: readonly string[]): string {
  const counts = Object.entries(Object.groupBy(words, (word) => word));
  return list(counts.map(([word, all = []]) => `${all.length} ${word}`));
}

/** Where `fileMailer` puts a mail; null when it went out by SMTP, or not at all. */
function fileOf(
  { kind, status }: SessionOutcome['mails'][number],
  sessionId: string,
  config: Config,
): string | null {
  if (status !== 'sent' || config.mail.smtpUrl !== null) return null;
  return `${mailDir(config.dataDir)}/${mailFile(messageIdOf(kind, sessionId))}`;
}

function next(name: ScenarioName): string {
  const following = scenarioNames[scenarioNames.indexOf(name) + 1];
  const more = following ? `${following} (${scenarios[following].about})` : 'paid --count 200 (many at once)';
  return `All as promised. The mails are there to be opened, and the service's log tells the same story.\nNext: npm run simulate -- ${more}`;
}

function wrongLine(wrong: number, all: number): string {
  return `${wrong} of ${all} did not end as promised. The service's log says why; --timeout waits longer.`;
}

function list(parts: readonly string[]): string {
  return parts.join(', ') || 'none';
}
