import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  at(done: number): void;
  end(): void;
}

/** `unit` stands behind the numbers where they count no objects: `%`. */
export type OpenProgress = (title: string, total: number, unit?: string) => Progress;

/** On standard error, so that the report can be piped: a bar for a person, a line for each tenth for a log. */
export const showProgress: OpenProgress = (title, total, unit = '') =>
  canDraw(process.stderr) ? bar(title, total, unit) : lines(title, total, unit);

/** A bar is drawn over the one before. A terminal that can't (TERM=dumb) would show the codes for it: it has no colours either. */
function canDraw(out: typeof process.stderr): boolean {
  return out.isTTY && out.hasColors();
}

export const hideProgress: OpenProgress = () => ({ at() {}, end() {} });

function bar(title: string, total: number, unit: string): Progress {
  const format = `${title.padEnd(18)} {bar} {value}${unit}/{total}${unit}`;
  const shown = new SingleBar({ format }, Presets.shades_classic);
  shown.start(total, 0);
  return { at: (done) => shown.update(done), end: () => shown.stop() };
}

function lines(title: string, total: number, unit: string): Progress {
  let printed = 0;
  return {
    at(done) {
      if (done < total && done < printed + total / 10) return;
      printed = done;
      process.stderr.write(`${title}: ${done}${unit} of ${total}${unit}\n`);
    },
    end() {},
  };
}
