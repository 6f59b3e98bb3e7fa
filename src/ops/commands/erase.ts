import { Command } from 'commander';
import { z } from 'zod';
import { typed } from '../../command-line.ts';
import { counted } from '../../counted.ts';
import { mailDir } from '../../notifications/mail-files.ts';
import { type Describe, outcomeOf, type Report } from '../command.ts';
import { confirmed } from '../confirm.ts';
import { type Erased, erase as erasePerson, expectNothingOwed } from '../erase.ts';
import { findTraces, type Traces } from '../traces.ts';

const address = z
  .string()
  .trim()
  .regex(/^[^\s<>]+@[^\s<>",;]+$/, 'must be a mail address alone');

interface Options {
  readonly force?: true;
  readonly yes?: true;
}

export const erase: Describe = (act) =>
  new Command('erase')
    .description('Removes a person from orders, payloads and mails, for good; amounts and ids stay.')
    .argument('<email>', "the person's address, in any case", typed(address))
    .option('--force', 'also from orders that are not settled yet, which then go out without the data')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      '\nExamples:\n  npm run -s ops -- erase jenny@example.com\n  npm run -s ops -- erase jenny@example.com --yes --json',
    )
    .action(
      act(async ({ config, db, actor }, email: string, options: Options): Promise<Report> => {
        const force = options.force === true;
        const traces = await findTraces(db, email);
        if (traces.orders.length + traces.events.length === 0) return report(nothing);
        const ids = traces.orders.map(({ id }) => id);
        if (!force) await expectNothingOwed(db, ids);
        if (!(await confirmed(question(traces), options)))
          return outcomeOf({ ok: false, data: nothing, text: 'Nothing was erased.' });
        return report(
          await erasePerson(db, traces, { email, mailDir: mailDir(config.dataDir), actor, force }),
        );
      }),
    );

const nothing: Erased = { orders: [], events: 0, notifications: 0, mail_files: 0 };

function question({ orders, events }: Traces): string {
  const named = orders.map(({ id }) => id).join(', ') || 'none';
  return `This takes a person out of orders (${named}) and of ${counted(events.length, 'event')}, for good.`;
}

/** The address is not repeated: what is printed may be kept. */
function report(erased: Erased): Report {
  const { orders, events, notifications, mail_files } = erased;
  const text =
    orders.length + events === 0
      ? 'No order is of this address, and no payload names it.'
      : [
          `Erased from orders: ${orders.join(', ') || 'none'}.`,
          `Emptied payloads: ${events}. Mails that will not be sent: ${notifications}. Mail files removed: ${mail_files}.`,
        ].join('\n');
  return { ok: true, data: erased, text };
}
