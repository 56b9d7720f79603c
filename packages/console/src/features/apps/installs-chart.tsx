import '@mantine/charts/styles.css';
import { AreaChart } from '@mantine/charts';
import { count } from '../../components/amounts.ts';
import { dayText } from '../../components/moment.ts';
import { type InstallSeries, otherBundles } from './counted.ts';

const colors = ['indigo.6', 'teal.6', 'orange.6', 'violet.5', 'cyan.6', 'pink.5'];

/** Installs by day and bundle. In a file of its own: the chart library is loaded when one is shown. */
export function InstallsChart({ series }: { readonly series: InstallSeries }) {
  return (
    <AreaChart
      h={280}
      data={[...series.days]}
      dataKey="date"
      type="stacked"
      withDots={false}
      withLegend
      curveType="linear"
      series={series.bundles.map((label, index) => ({
        name: series.keys[index] ?? label,
        label,
        color: label === otherBundles ? 'gray.5' : (colors[index % colors.length] ?? 'gray.5'),
      }))}
      valueFormatter={count}
      xAxisProps={{ tickFormatter: (date: string) => dayText(date).replace(/ \d{4}$/, ''), minTickGap: 32 }}
      yAxisProps={{ allowDecimals: false }}
      areaProps={{ isAnimationActive: false }}
    />
  );
}
