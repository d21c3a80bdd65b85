// Copyright 2026 The hybrid_perception authors; SPDX-License-Identifier: Apache-2.0
// Curves over time, as SVG. Colours by Okabe and Ito, with dashes of their own for each curve.

const CURVES = [
  {color: '#0072b2', dash: ''}, {color: '#d55e00', dash: '7 3'},
  {color: '#009e73', dash: '2 3'}, {color: '#cc79a7', dash: '10 3 2 3'},
];
const PLOT = {width: 560, height: 200, left: 52, right: 116, top: 8, bottom: 26};

function svgElement(name, attributes, parent, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

/** Choose round numbers that cover a range. */
function roundTicks(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= raw);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high + step * 1e-9; tick++) {
    ticks.push(Number((tick * step).toPrecision(12)));
  }
  return ticks;
}

function shortNumber(value) {
  return String(Number(value.toPrecision(3))).replace('-', '\u2212');
}

/** Keep labels at the end of curves apart: move each below the one above it. */
function spreadLabels(labels, distance) {
  labels.sort((one, other) => one.y - other.y);
  for (let at = 1; at < labels.length; at++) {
    labels[at].y = Math.max(labels[at].y, labels[at - 1].y + distance);
  }
  const excess = labels.length ? labels[labels.length - 1].y - (PLOT.height - PLOT.bottom) : 0;
  if (excess > 0) labels.forEach(label => { label.y -= excess; });
}

/**
 * Draw one plot into `box`.
 * curves: [{name, values (null where there is none)}]; limit: a horizontal line or null;
 * range: [low, high] that must be covered.
 */
function drawPlot(box, {title, seconds, curves, limit, range, current, seek}) {
  box.replaceChildren();
  const heading = document.createElement('h2');
  heading.textContent = title;
  box.append(heading);
  const {width, height, left, right, top, bottom} = PLOT;
  const svg = svgElement('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img'}, box);
  svgElement('title', {}, svg, title);
  const all = curves.flatMap(({values}) => values).filter(value => value !== null);
  let [low, high] = [Math.min(range[0], ...all), Math.max(range[1], ...all)];
  if (limit !== null) [low, high] = [Math.min(low, limit), Math.max(high, limit)];
  if (low === high) high = low + 1;
  const begin = seconds[0];
  const span = seconds[seconds.length - 1] - begin || 1;
  const x = index => left + (seconds[index] - begin) / span * (width - left - right);
  const y = value => top + (high - value) / (high - low) * (height - top - bottom);
  for (const tick of roundTicks(low, high, 4)) {
    svgElement('line', {class: 'grid', x1: left, x2: width - right, y1: y(tick), y2: y(tick)}, svg);
    svgElement('text', {x: left - 6, y: y(tick) + 4, 'text-anchor': 'end'}, svg, shortNumber(tick));
  }
  for (const tick of roundTicks(0, span, 5)) {
    const at = left + tick / span * (width - left - right);
    svgElement('text', {x: at, y: height - 8, 'text-anchor': 'middle'}, svg, `${shortNumber(tick)} s`);
  }
  const labels = [];
  curves.forEach(({name, values}, number) => {
    const {color, dash} = CURVES[number % CURVES.length];
    const points = values.map((value, index) => value === null ? '' : `${x(index)},${y(value)}`)
      .filter(point => point);
    if (!points.length) return;
    svgElement('polyline', {class: 'curve', points: points.join(' '), stroke: color,
      'stroke-dasharray': dash}, svg);
    const last = values.filter(value => value !== null).pop();
    labels.push({name, color, y: y(last) + 4});
  });
  if (limit !== null) {
    svgElement('line', {class: 'limit', x1: left, x2: width - right, y1: y(limit), y2: y(limit)}, svg);
    labels.push({name: 'threshold', color: null, y: y(limit) + 4});
  }
  spreadLabels(labels, 14);
  for (const {name, color, y: at} of labels) {
    if (color) {
      svgElement('rect', {x: width - right + 4, y: at - 9, width: 8, height: 8, fill: color}, svg);
    }
    svgElement('text', {x: width - right + 16, y: at}, svg, name);
  }
  svgElement('line', {class: 'now', x1: x(current), x2: x(current), y1: top, y2: height - bottom}, svg);
  svg.addEventListener('pointerdown', event => {
    const bounds = svg.getBoundingClientRect();
    const at = (event.clientX - bounds.left) / bounds.width * width;
    let nearest = 0;
    seconds.forEach((_, index) => {
      if (Math.abs(x(index) - at) < Math.abs(x(nearest) - at)) nearest = index;
    });
    seek(nearest);
  });
}
