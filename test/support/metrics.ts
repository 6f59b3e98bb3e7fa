/** What Prometheus would read: from `name{label="value"}`, labels in the order of their names, to the value. */
export async function scrape(url: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const sorted = labels.split(/,(?=\w+=")/).toSorted();
      return [labels === '' ? name : `${name}{${sorted.join(',')}}`, Number(value)];
    }),
  );
}
