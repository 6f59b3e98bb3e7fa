import * as echarts from 'echarts';

interface Bar {
  readonly name: string;
  readonly value: number;
  /** Stands behind the bar, such as a ratio. */
  readonly label: string;
}

/** Groups of bars as an SVG, legible on a light page and on a dark one. */
export function barChart(title: string, groups: readonly { name: string; bars: readonly Bar[] }[]): string {
  const bars = groups.flatMap(({ name, bars }) => bars.map((bar) => ({ ...bar, group: name })));
  const grey = '#808890';
  const colours = ['#9aa5b1', '#635bff', '#d9822b'];
  const names = [...new Set(bars.map(({ name }) => name))];
  const chart = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: 760,
    height: 60 + 44 * bars.length,
  });
  chart.setOption({
    animation: false,
    title: { text: title, left: 0, textStyle: { color: grey, fontSize: 15, fontWeight: 'normal' } },
    grid: { left: 250, right: 130, top: 44, bottom: 12 },
    xAxis: { type: 'value', show: false },
    yAxis: {
      type: 'category',
      inverse: true,
      data: bars.map(({ name, group }) => `${name}, ${group}`),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: grey, fontSize: 13 },
    },
    series: [
      {
        type: 'bar',
        barWidth: 24,
        data: bars.map(({ name, value }) => ({ value, itemStyle: { color: colours[names.indexOf(name)] } })),
        label: {
          show: true,
          position: 'right',
          color: grey,
          fontSize: 13,
          formatter: ({ dataIndex }: { dataIndex: number }) => bars[dataIndex]?.label ?? '',
        },
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
