import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');
export const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

function filesIn(folder: string, ending: RegExp): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => ending.test(file))
    .map((file) => path.join(folder, file))
    .toSorted();
}

export const pages = [
  'README.md',
  ...filesIn('docs', /\.md$/),
  ...filesIn('examples', /README\.md$/),
  ...filesIn('ops', /README\.md$/),
  'test/mutants/README.md',
];

/** They tell people in their comments what to type. */
export const settings = ['.env.example', 'docker-compose.yml', ...filesIn('ops', /\.(ya?ml|service|sh)$/)];

interface Command {
  readonly page: string;
  readonly line: string;
}

/** A block of a language, or a piece of code within a line. */
const CODE = /^ *```(\w*)\n(.*?)^ *```$|`((?:[^`\n]|\n(?!\n))+)`/gms;

/** What a piece of code within a line begins with when it is there to be typed. A block of `sh` may begin with anything. */
const TYPED =
  /^(?:[A-Z_]+=\S* )*(?:(?:npm|npx|node|python3|curl|psql|openssl|echo|docker|kubectl|systemctl|stripe|nats|nats-server|promtool|git) \S|[\w./-]+\.sh\b|\.ci\/run)/;

/** Everything that a page tells its reader to type, in its order, a command each. */
export function commandsOf(page: string): Command[] {
  const lines = [...read(page).matchAll(CODE)].flatMap(([, language, block = '', inline = '']) =>
    language === 'sh' ? block.replaceAll(/\\\n\s*/g, '').split('\n') : TYPED.test(inline) ? [inline] : [],
  );
  return lines
    .flatMap((line) => line.replace(/(^|\s)#.*/, '').split(' && '))
    .flatMap((line) => (line.trim() === '' ? [] : [{ page, line: line.trim() }]));
}
