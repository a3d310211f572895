// What a model's chart shows: sums of the rows that are shown in its table, told to eyes by ECharts and to ears as a text.

const MOST_BARS = 24;
const MOST_SERIES = 8;
const NONE = '(none)';
const OTHERS = 'others';

const label = (name) => name.replaceAll('_', ' ');

/** Dates without what all of them share: a time of midnight, the first day of a month. */
function shortened(names, type) {
  if (!/^(date|timestamp)/.test(type)) return names;
  const ends = (end) => names.every((name) => name === NONE || name.endsWith(end));
  let short = names;
  if (ends('T00:00:00')) short = short.map((name) => name.split('T')[0]);
  if (short.every((name) => name === NONE || /^\d{4,}-\d\d-01$/.test(name)) && short.length > 1) {
    short = short.map((name) => name.replace(/-01$/, ''));
  }
  return short;
}

/** The categories and series of a chart over rows, every value an exact text or null. */
function charted(model, rows) {
  const { chart, columns } = model;
  const at = (name) => columns.findIndex((column) => column.name === name);
  const x = at(chart.x);
  const type = columns[x].type;
  const measures = chart.y.length ? chart.y : [null];
  const by = chart.series === null ? -1 : at(chart.series);
  const cells = new Map();
  const seriesNames = new Set();
  for (const row of rows) {
    const category = row[x] ?? NONE;
    if (!cells.has(category)) cells.set(category, new Map());
    const of = cells.get(category);
    for (const measure of measures) {
      const name = by >= 0 ? row[by] ?? NONE : measure === null ? 'rows' : measure;
      seriesNames.add(name);
      if (!of.has(name)) of.set(name, []);
      of.get(name).push(measure === null ? '1' : row[at(measure)]);
    }
  }
  let names = [...seriesNames];
  if (by >= 0) names.sort(comparison(columns[by].type));
  const totals = (name) => sum([...cells.values()].flatMap((of) => of.get(name) ?? [])) ?? '0';
  let others = [];
  if (names.length > MOST_SERIES) {
    const greatest = [...names].sort((one, other) => compareNumbers(totals(other), totals(one)));
    const kept = new Set(greatest.slice(0, MOST_SERIES - 1));
    others = names.filter((name) => !kept.has(name));
    names = names.filter((name) => kept.has(name));
  }
  let categories = [...cells.keys()];
  const total = (category) => sum([...cells.get(category).values()].flat()) ?? '0';
  const isOrdered = isNumber(type) || /^(date|time)/.test(type);
  const count = categories.length;
  if (!isOrdered && count > MOST_BARS) {
    const all = new Map(categories.map((category) => [category, total(category)]));
    categories.sort((one, other) => compareNumbers(all.get(other), all.get(one)));
    categories = categories.slice(0, MOST_BARS);
  } else if (isOrdered) {
    const compare = comparison(type);
    const last = (name) => (name === NONE ? 1 : 0);
    categories.sort((one, other) => last(one) - last(other) || compare(one, other));
  }
  // A number says nothing without the name of its column.
  const called = (name) => (by < 0 ? label(name) : isNumber(columns[by].type) ? `${label(chart.series)} ${name}` : name);
  const series = names.map((name) => ({
    name: called(name),
    values: categories.map((category) => sum(cells.get(category).get(name) ?? [])),
  }));
  if (others.length) {
    const values = categories.map((category) => sum(others.flatMap((name) => cells.get(category).get(name) ?? [])));
    series.push({ name: `${others.length} ${OTHERS}`, values });
  }
  const sums = categories.map(total);
  return { categories: shortened(categories, type), series, sums, count, all: sum(sums) ?? '0', isAcross: !isOrdered };
}

/** What the chart is of: `sum of spent by month and account kind`. */
function subject(chart) {
  const what = chart.y.length ? chart.y.map(label).join(', ') : 'number of rows';
  const by = chart.series === null ? '' : ` and ${label(chart.series)}`;
  return `${what} by ${label(chart.x)}${by}`;
}

/** The chart in words. */
function told(chart, data) {
  const kind = { bar: 'Bar chart', stacked: 'Chart of stacked bars', line: 'Line chart' }[chart.kind];
  const { categories, series, sums } = data;
  if (categories.length === 0) return `${kind}: ${subject(chart)}. No row is shown.`;
  let greatest = 0;
  let least = 0;
  sums.forEach((value, index) => {
    if (compareNumbers(value, sums[greatest]) > 0) greatest = index;
    if (compareNumbers(value, sums[least]) < 0) least = index;
  });
  const parts = [`${kind}: ${subject(chart)}.`];
  if (categories.length < data.count) parts.push(`The ${categories.length} greatest of ${data.count}.`);
  else parts.push(`${categories.length} ${categories.length === 1 ? 'value' : 'values'} of ${label(chart.x)}, ${categories[0]} to ${categories.at(-1)}.`);
  parts.push(`Greatest ${readable(sums[greatest])} at ${categories[greatest]}, least ${readable(sums[least])} at ${categories[least]}, ${readable(data.all)} together.`);
  if (series.length > 1) {
    const each = series.map((of) => `${of.name} ${readable(sum(of.values) ?? '0')}`);
    parts.push(`In all: ${each.join(', ')}.`);
  }
  parts.push('The table beside it has the values.');
  return parts.join(' ');
}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A number on an axis: short, since the exact ones stand in the table. */
const onAxis = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** How many lines the legend takes: none for a single series. */
function legendLines(data, width) {
  if (data.series.length < 2) return 0;
  let lines = 1;
  let taken = 0;
  for (const { name } of data.series) {
    const room = 34 + name.length * 7;
    if (taken + room > width && taken > 0) { lines += 1; taken = 0; }
    taken += room;
  }
  return lines;
}

const LEGEND_LINE = 24;

/** How many pixels high a chart is, without its legend. */
const heightOf = (data) => (data.isAcross ? Math.max(240, 64 + data.categories.length * 27) : 360);

function option(chart, data, width) {
  const isLine = chart.kind === 'line';
  const across = data.isAcross && !isLine;
  const ink = style('--ink');
  const muted = style('--muted');
  const rule = style('--rule');
  const text = { color: muted, fontFamily: style('--sans'), fontSize: 12 };
  const names = {
    type: 'category',
    data: data.categories,
    inverse: across,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: rule } },
    axisLabel: across ? { ...text, color: ink, width: Math.min(170, width * 0.36), overflow: 'truncate' } : { ...text, hideOverlap: true },
  };
  const amounts = {
    type: 'value',
    axisLabel: { ...text, formatter: (value) => onAxis.format(value), hideOverlap: true },
    splitLine: { lineStyle: { color: rule } },
    splitNumber: across && width < 480 ? 3 : 5,
  };
  const isMany = data.series.length > 1;
  return {
    animation: false,
    color: Array.from({ length: MOST_SERIES }, (_, index) => style(`--series-${index + 1}`)),
    textStyle: text,
    grid: { left: 4, right: across ? 24 : 12, top: isMany ? 16 + legendLines(data, width) * LEGEND_LINE : 14, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
    legend: isMany ? { type: 'plain', left: 0, top: 0, icon: 'roundRect', itemWidth: 12, itemHeight: 12, itemGap: 16, textStyle: { ...text, color: ink } } : undefined,
    tooltip: {
      trigger: 'axis',
      renderMode: 'richText',
      confine: true,
      axisPointer: { type: isLine ? 'line' : 'shadow', lineStyle: { color: muted }, shadowStyle: { color: style('--shade') } },
      backgroundColor: style('--card'),
      borderColor: rule,
      textStyle: { ...text, color: ink },
      formatter: (points) => {
        const index = points[0].dataIndex;
        const lines = data.series.filter((of) => of.values[index] !== null).map((of) => `${of.name}: ${readable(of.values[index])}`);
        if (lines.length > 1) lines.push(`together: ${readable(data.sums[index])}`);
        return [data.categories[index], ...lines].join('\n');
      },
    },
    xAxis: across ? amounts : names,
    yAxis: across ? names : amounts,
    series: data.series.map((of) => ({
      type: isLine ? 'line' : 'bar',
      name: of.name,
      stack: chart.kind === 'stacked' ? 'all' : undefined,
      barMaxWidth: 26,
      barCategoryGap: '28%',
      symbol: data.categories.length > 60 ? 'none' : 'circle',
      symbolSize: 5,
      lineStyle: { width: 2 },
      itemStyle: isLine || chart.kind === 'stacked' ? {} : { borderRadius: across ? [0, 3, 3, 0] : [3, 3, 0, 0] },
      emphasis: { disabled: true },
      // A chart has pixels, not digits: what is read is in the table and in the tooltip.
      data: of.values.map((value) => (value === null ? null : Number(value))),
    })),
  };
}
