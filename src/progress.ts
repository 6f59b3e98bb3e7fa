import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  at(done: number): void;
  end(): void;
}

export type OpenProgress = (title: string, total: number) => Progress;

/** On standard error, so that the report can be piped: a bar for a person, a line for each tenth for a log. */
export const showProgress: OpenProgress = (title, total) =>
  process.stderr.isTTY ? bar(title, total) : lines(title, total);

export const hideProgress: OpenProgress = () => ({ at() {}, end() {} });

function bar(title: string, total: number): Progress {
  const format = `${title.padEnd(18)} {bar} {value}/{total}`;
  const shown = new SingleBar({ format }, Presets.shades_classic);
  shown.start(total, 0);
  return { at: (done) => shown.update(done), end: () => shown.stop() };
}

function lines(title: string, total: number): Progress {
  let printed = 0;
  return {
    at(done) {
      if (done < total && done < printed + total / 10) return;
      printed = done;
      process.stderr.write(`${title}: ${done} of ${total}\n`);
    },
    end() {},
  };
}
