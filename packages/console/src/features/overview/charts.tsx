import '@mantine/charts/styles.css';
import type { OverviewView } from '@capgo-server/protocol/management/overview';
import { AreaChart, BarChart } from '@mantine/charts';
import { count } from '../../components/amounts.ts';
import { clockText, dayText } from '../../components/moment.ts';
import { type Adoption, otherName } from './adoption.ts';

// In a file of its own: the chart library is loaded when a chart is shown.

const colors = ['indigo.6', 'teal.6', 'orange.6', 'violet.5', 'cyan.6', 'pink.5', 'lime.7', 'yellow.6'];
const shortDay = (date: string) => dayText(date).replace(/,? \d{4}$/, '');

/** The label of a tooltip, which has none while nothing is pointed at. */
const labelled = (format: (text: string) => string) => (label: unknown) =>
  typeof label === 'string' ? format(label) : '';

/** Devices of each day, stacked by what they ran. */
export function AdoptionChart({ adoption }: { readonly adoption: Adoption }) {
  return (
    <AreaChart
      h={300}
      data={[...adoption.days]}
      dataKey="date"
      type="stacked"
      withDots={adoption.days.length === 1}
      withLegend
      fillOpacity={0.5}
      curveType="linear"
      series={adoption.shown.map(({ name, key }, index) => ({
        name: key,
        label: name,
        color: name === otherName ? 'gray.5' : (colors[index % colors.length] ?? 'gray.5'),
      }))}
      valueFormatter={count}
      xAxisProps={{ tickFormatter: shortDay, minTickGap: 32 }}
      yAxisProps={{ allowDecimals: false, tickFormatter: count }}
      tooltipProps={{ labelFormatter: labelled(shortDay) }}
      areaProps={{ isAnimationActive: false }}
    />
  );
}

/** Update checks of each of the last minutes. */
export function ChecksChart({ minutes }: { readonly minutes: OverviewView['checks']['per_minute'] }) {
  return (
    <BarChart
      h={140}
      data={[...minutes]}
      dataKey="minute"
      series={[{ name: 'checks', label: 'Checks', color: 'indigo.6' }]}
      valueFormatter={count}
      xAxisProps={{ tickFormatter: clockText, minTickGap: 48 }}
      yAxisProps={{ allowDecimals: false, tickFormatter: count, width: 44 }}
      tooltipProps={{ labelFormatter: labelled(clockText) }}
      barProps={{ isAnimationActive: false }}
    />
  );
}
