// Small charts as SVG: lines and bars, with axes that may be logarithmic. Knows no servers, only
// names and numbers. The colours hold on light and dark pages; a line also differs by its marks.

const width = 720;
const height = 420;
const area = { left: 72, right: 560, top: 44, bottom: 360 };
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#7f7f7f", "#56b4e9"];
const colourOf = (index) => colours[index % colours.length];

/** `series`: [{ name, points: [[x, y], ...] }]; `x` and `y`: { label, log, ticks }. */
export function lines({ title, series, x, y }) {
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return undefined;
  const across = scale(
    x,
    points.map(([value]) => value),
    [area.left, area.right],
  );
  const up = scale(
    y,
    points.map(([, value]) => value),
    [area.bottom, area.top],
  );
  const drawn = series.map(({ name, points: own }, index) => {
    const path = own.map(([a, b]) => `${round(across.at(a))},${round(up.at(b))}`).join(" ");
    const marks = own.length > 20 ? [] : own.map(([a, b]) => mark(index, across.at(a), up.at(b)));
    const stroke = `stroke="${colourOf(index)}" stroke-width="2" fill="none"`;
    return `<polyline points="${path}" ${stroke}/>${marks.join("")}${legend(name, index)}`;
  });
  return page(title, [axes(across, up, x.label, y.label), ...drawn]);
}

/** `groups`: [{ name, values: { series: number } }], a bar for each, on a logarithmic axis. */
export function bars({ title, groups, y }) {
  const names = [...new Set(groups.flatMap(({ values }) => Object.keys(values)))];
  const all = groups.flatMap(({ values }) => Object.values(values));
  if (all.length === 0) return undefined;
  const up = scale(y, all, [area.bottom, area.top]);
  const room = (area.right - area.left) / groups.length;
  const each = (room * 0.8) / names.length;
  const drawn = groups.flatMap(({ name, values }, group) => {
    const from = area.left + room * (group + 0.1);
    const shapes = names.map((one, index) => {
      if (values[one] === undefined) return "";
      const top = round(up.at(values[one]));
      const place = `x="${round(from + index * each)}" y="${top}" width="${round(each * 0.9)}"`;
      return `<rect ${place} height="${round(area.bottom - top)}" fill="${colourOf(index)}"/>`;
    });
    return [...shapes, text(from + room * 0.4, area.bottom + 18, name, "middle")];
  });
  const across = { at: () => 0, ticks: [] };
  return page(title, [axes(across, up, "", y.label), ...drawn, ...names.map(legend)]);
}

function scale({ log, ticks }, values, [from, to]) {
  const positive = log ? values.filter((value) => value > 0) : values;
  const wanted = ticks ?? (log ? decades(positive) : evenly(Math.max(...positive)));
  const first = Math.min(...wanted);
  const span = (value) => (log ? Math.log(Math.max(value, first) / first) : value - first);
  const whole = span(Math.max(...wanted)) || 1;
  return { ticks: wanted, at: (value) => from + (span(value) / whole) * (to - from) };
}

function decades(values) {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}

function evenly(most) {
  const rough = (most || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  return Array.from({ length: Math.ceil((most || 1) / step) + 1 }, (_, index) => index * step);
}

function axes(across, up, xLabel, yLabel) {
  const grid = up.ticks.map((tick) => {
    const y = round(up.at(tick));
    const line = `<path d="M${area.left} ${y}H${area.right}" stroke="#888" stroke-opacity=".3"/>`;
    return line + text(area.left - 8, y + 4, label(tick), "end");
  });
  const below = across.ticks.map((tick) =>
    text(across.at(tick), area.bottom + 18, label(tick), "middle"),
  );
  const frame = `<path d="M${area.left} ${area.top}V${area.bottom}H${area.right}"`;
  return [
    ...grid,
    ...below,
    `${frame} stroke="#888" fill="none"/>`,
    text((area.left + area.right) / 2, area.bottom + 42, xLabel, "middle"),
    text(area.left, area.top - 12, yLabel, "start"),
  ].join("\n");
}

function mark(index, x, y) {
  const fill = `fill="${colourOf(index)}"`;
  if (index % 2 === 0) return `<circle cx="${round(x)}" cy="${round(y)}" r="4" ${fill}/>`;
  return `<rect x="${round(x - 3.5)}" y="${round(y - 3.5)}" width="7" height="7" ${fill}/>`;
}

function legend(name, index) {
  const y = area.top + 10 + index * 22;
  return mark(index, area.right + 20, y - 4) + text(area.right + 32, y, name, "start");
}

const label = (value) =>
  value >= 1000 ? `${Number((value / 1000).toPrecision(3))}k` : `${Number(value.toPrecision(3))}`;
const round = (value) => Math.round(value * 10) / 10;
const escaped = (words) => String(words).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (x, y, words, anchor) =>
  `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(words)}</text>`;

function page(title, parts) {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" font-family="sans-serif" ` +
      'font-size="12" fill="#777">',
    `<title>${escaped(title)}</title>`,
    `<text x="${area.left}" y="18" font-size="15">${escaped(title)}</text>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}
