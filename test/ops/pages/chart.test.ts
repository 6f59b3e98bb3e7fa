import { expect, test } from '@jest/globals';
import { chart } from '../../../src/ops/pages/chart.ts';

type Values = readonly (number | null)[];

const drawn = async (kind: 'columns' | 'lines', ...values: Values[]) =>
  String(
    await chart({
      title: 'Orders',
      kind,
      labels: values[0]?.map((_, i) => `${i}:00`) ?? [],
      series: values.map((values, n) => ({ name: `series ${n}`, values, sum: '' })),
      say: String,
      empty: 'nothing yet',
    }),
  );

const scaleOf = (svg: string) =>
  [...(/class="scale">(.*?)<\/div>/s.exec(svg)?.[1] ?? '').matchAll(/>([^<]+)</g)].map(([, text]) =>
    Number(text),
  );

test.each([
  [1, [2, 1, 0]],
  [2, [2, 1, 0]],
  [3, [4, 2, 0]],
  [9, [10, 5, 0]],
  [11, [20, 10, 0]],
  [250, [400, 200, 0]],
  [0.4, [2, 1, 0]],
])('the scale of what goes up to %d has round numbers', async (highest, scale) => {
  expect(scaleOf(await drawn('lines', [0, highest]))).toEqual(scale);
});

test('columns stand on one another, and reach as high as their sum', async () => {
  const svg = await drawn('columns', [1, 0], [3, 2]);
  const rects = [...svg.matchAll(/<rect class="(\S+)".*? y="(\S+)" height="(\S+)"/g)];
  expect(rects.map(([, series, y, height]) => [series, Number(y), Number(height)])).toEqual([
    ['series-1', 75, 25],
    ['series-2', 0, 75],
    ['series-2', 50, 50],
  ]);
});

test('a line breaks off where there is nothing, and a lone value is a point', async () => {
  const [, d] = /<path class="line series-1" d="([^"]+)"/.exec(await drawn('lines', [2, 1, null, 2])) ?? [];
  expect(d).toBe('M125 0h0L375 50M875 0h0');
});

test('whoever can’t see it has it as a table', async () => {
  const svg = await drawn('lines', [2, null]);
  expect(svg).toMatch(/<th scope="row">0:00<\/th><td class="number">2<\/td>/);
  expect(svg).toMatch(/<th scope="row">1:00<\/th><td class="number">–<\/td>/);
});

test('of nothing there is no drawing, but a word', async () => {
  const svg = await drawn('columns', [0, 0]);
  expect(svg).toContain('nothing yet');
  expect(svg).not.toContain('<svg');
});
