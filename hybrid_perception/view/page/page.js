// Copyright 2026 The hybrid_perception authors; SPDX-License-Identifier: Apache-2.0
// What is shown, and what the controls, the keys and the address of the page do with it.

const data = JSON.parse(document.getElementById('data').textContent);
const VIEWS = [['camera', 'camera'], ['overlay', 'overlay'], ['heat', 'anomaly score'],
  ['mask', 'unknown']];
const KEPT = 8;   // decoded frames
const FRAME_MILLISECONDS = 200;
const ADDRESS_MILLISECONDS = 300;
const by = id => document.getElementById(id);
const state = {frame: 0, edge: data.start, view: 'all', boxes: true, timer: null, writing: null};
const canvases = {};
const cache = new Map();
let drawn = 0;   // number of the latest drawing; an older one that is late gives up

function signed(value, digits = 2) {
  return value.toFixed(digits).replace('-', '\u2212');
}

function decoded(index) {
  if (!cache.has(index)) {
    cache.set(index, decodeFrame(data.frames[index]));
    if (cache.size > KEPT) cache.delete(cache.keys().next().value);
  }
  return cache.get(index);
}

function fail(error) {
  by('trouble').hidden = false;
  by('trouble').textContent = typeof DecompressionStream === 'undefined'
    ? 'This browser cannot unpack the page: it needs DecompressionStream (Chrome or Edge 80, '
      + 'Firefox 113, Safari 16.4, or newer).'
    : `The page cannot be shown: ${error}`;
}

async function draw() {
  const number = ++drawn;
  const picture = await decoded(state.frame);
  if (number !== drawn) return;
  const unknown = isUnknown(picture.codes, state.edge);
  drawCamera(canvases.camera, picture);
  drawOverlay(canvases.overlay, picture, unknown, data);
  drawHeat(canvases.heat, picture, data.palette);
  drawMask(canvases.mask, picture, unknown);
  const frame = data.frames[state.frame];
  const objects = objectsOf(frame, picture, unknown);
  if (state.boxes) [canvases.camera, canvases.overlay].forEach(canvas => drawBoxes(canvas, objects));
  by('objects').setAttribute('aria-pressed', String(state.boxes));
  by('objects').textContent = `objects: ${objects.length}`;
  const count = countUnknown(frame.histogram, state.edge);
  const pixels = picture.width * picture.height;
  by('count').textContent = `unknown: ${(100 * count / pixels).toFixed(2)} % (${count} of ${pixels})`;
  by('frame-text').textContent = `${state.frame + 1} of ${data.frames.length}, stamp ${frame.stamp}`;
  const point = data.points.find(({edge}) => edge === state.edge);
  by('threshold-text').textContent = `score \u2265 ${signed(data.edges[state.edge], 3)}`
    + (point ? ` (${point.name})` : '');
  by('frame').value = state.frame;
  by('threshold').value = state.edge;
  by('threshold').setAttribute('aria-valuetext', by('threshold-text').textContent);
  by('scale-mark').style.left = `${100 * position(data.edges[state.edge])}%`;
  for (const button of by('point-list').children) {
    button.setAttribute('aria-pressed', String(Number(button.dataset.edge) === state.edge));
  }
  drawPlots();
  Object.assign(document.documentElement.dataset, {
    ready: number, frame: state.frame, threshold: data.edges[state.edge], unknown: count, pixels,
    objects: objects.length});
}

/** At an operating point as the node follows them; between, as the pixels shown say, without ids. */
function objectsOf(frame, picture, unknown) {
  const followed = frame.objects[state.edge];
  if (followed) {
    return followed.map(([id, x, y, width, height, score]) => (
      {box: [x, y, width, height], text: `#${id} ${signed(score, 1)}`}));
  }
  return findObjects(unknown, picture.width, picture.height, data)
    .map(({box}) => ({box, text: ''}));
}

function position(score) {
  const [low, high] = [data.edges[0], data.edges[data.edges.length - 1]];
  return Math.min(1, Math.max(0, (score - low) / (high - low)));
}

function drawPlots() {
  const {frames} = data;
  const common = {seconds: frames.map(({seconds}) => seconds), current: state.frame,
    seek: index => update({frame: index})};
  const curves = (key, names) => names.map(name => (
    {name: name.replace(/(_time)?_ms$/, '').replace(/_/g, ' '),
      values: frames.map(frame => frame[key][name] ?? null)}));
  const plots = [{
    title: 'Anomaly score, quantiles of each frame',
    curves: curves('quantiles', data.quantiles).reverse(),
    limit: data.edges[state.edge], range: [Infinity, -Infinity],
  }, {
    title: 'Unknown pixels at this threshold, %',
    curves: [{name: 'unknown', values: frames.map(({histogram, width, height}) => (
      100 * countUnknown(histogram, state.edge) / (width * height)))}],
    limit: null, range: [0, 0.1],
  }];
  const times = [...new Set(frames.flatMap(frame => Object.keys(frame.times)))].sort();
  if (times.length) {
    plots.push({title: 'Time of each frame, ms', curves: curves('times', times), limit: null,
      range: [0, 1]});
  }
  plots.forEach((plot, number) => {
    if (!by('plots').children[number]) by('plots').append(document.createElement('div'));
    drawPlot(by('plots').children[number], {...common, ...plot});
  });
}

function update(change) {
  Object.assign(state, change);
  state.frame = Math.min(data.frames.length - 1, Math.max(0, state.frame));
  state.edge = Math.min(data.edges.length - 1, Math.max(0, state.edge));
  by('views').classList.toggle('single', state.view !== 'all');
  for (const figure of by('views').children) {
    figure.classList.toggle('shown', figure.dataset.view === state.view);
    figure.querySelector('button').setAttribute('aria-pressed', String(
      figure.dataset.view === state.view));
  }
  clearTimeout(state.writing);   // browsers limit how often an address may change
  state.writing = setTimeout(writeAddress, ADDRESS_MILLISECONDS);
  return draw().catch(fail);
}

function writeAddress() {
  const hash = new URLSearchParams({
    frame: state.frame, threshold: data.edges[state.edge], view: state.view});
  history.replaceState(null, '', `#${hash}`);
}

/** Take frame, threshold, operating_point and view from the address, as far as they are there. */
function readAddress() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const change = {};
  const frame = parseInt(hash.get('frame'), 10);
  if (Number.isFinite(frame)) change.frame = frame;
  const threshold = parseFloat(hash.get('threshold'));
  if (Number.isFinite(threshold)) change.edge = nearestEdge(threshold);
  const point = data.points.find(({name}) => name === hash.get('operating_point'));
  if (point) change.edge = point.edge;
  const view = hash.get('view');
  if (view === 'all' || VIEWS.some(([name]) => name === view)) change.view = view;
  return change;
}

function nearestEdge(threshold) {
  let nearest = 0;
  data.edges.forEach((edge, index) => {
    if (Math.abs(edge - threshold) < Math.abs(data.edges[nearest] - threshold)) nearest = index;
  });
  return nearest;
}

function setPlaying(on) {
  clearInterval(state.timer);
  state.timer = on ? setInterval(
    () => update({frame: (state.frame + 1) % data.frames.length}), FRAME_MILLISECONDS) : null;
  by('play').textContent = on ? 'stop' : 'play';
  by('play').setAttribute('aria-pressed', String(on));
}

function stepPoint(direction) {
  const edges = data.points.map(({edge}) => edge);
  const next = direction > 0 ? edges.find(edge => edge > state.edge)
    : edges.reverse().find(edge => edge < state.edge);
  if (next !== undefined) update({edge: next});
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const many = event.shiftKey ? 10 : 1;
  const actions = {
    ArrowRight: () => update({frame: state.frame + many}),
    ArrowLeft: () => update({frame: state.frame - many}),
    ArrowUp: () => update({edge: state.edge + many}),
    ArrowDown: () => update({edge: state.edge - many}),
    n: () => stepPoint(1),
    p: () => stepPoint(-1),
    0: () => update({view: 'all'}),
    o: () => update({boxes: !state.boxes}),
  };
  VIEWS.forEach(([name], number) => { actions[number + 1] = () => update({view: name}); });
  // Space presses the button that has the focus.
  if (event.target.tagName !== 'BUTTON') actions[' '] = () => setPlaying(!state.timer);
  // An arrow moves the slider that has the focus, as everywhere.
  const slides = event.target.type === 'range' && event.key.startsWith('Arrow') && !event.shiftKey;
  if (slides || !actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

function buildViews() {
  VIEWS.forEach(([name, title], number) => {
    const figure = document.createElement('figure');
    figure.dataset.view = name;
    const caption = document.createElement('figcaption');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = title;
    button.title = `only this view, or all (key ${number + 1}, 0)`;
    button.onclick = () => update({view: state.view === name ? 'all' : name});
    caption.append(button);
    canvases[name] = document.createElement('canvas');
    canvases[name].setAttribute('role', 'img');
    canvases[name].setAttribute('aria-label', title);
    canvases[name].addEventListener('pointermove', event => tellPixel(event).catch(fail));
    figure.append(caption, canvases[name]);
    by('views').append(figure);
    const note = {overlay: 'classes over the camera; the unknown outlined',
      mask: 'white: unknown; grey: nothing is said'}[name];
    if (note) caption.append(Object.assign(document.createElement('span'), {
      className: 'note', textContent: note}));
    if (name === 'heat') caption.append(buildScale());
  });
  if (!data.frames.some(({camera}) => camera)) {
    by('views').firstChild.querySelector('figcaption').append(' not in this recording');
  }
}

function buildScale() {
  const scale = Object.assign(document.createElement('div'), {className: 'scale'});
  const bar = Object.assign(document.createElement('span'), {className: 'bar'});
  const canvas = document.createElement('canvas');
  paint(canvas, data.edges.length - 1, 1, at => data.palette[at + FIRST_EDGE]);
  bar.append(canvas, Object.assign(document.createElement('i'), {id: 'scale-mark'}));
  scale.append(signed(data.edges[0], 1), bar, signed(data.edges[data.edges.length - 1], 1));
  scale.title = 'the same colours in every frame; the mark is the threshold';
  return scale;
}

function buildControls() {
  by('about').textContent = `model ${data.model}; ${data.frames.length} frames of the recording; `
    + 'higher scores are more anomalous';
  by('frame').max = data.frames.length - 1;
  by('threshold').max = data.edges.length - 1;
  by('frame').oninput = event => update({frame: Number(event.target.value)});
  by('threshold').oninput = event => update({edge: Number(event.target.value)});
  by('objects').onclick = () => update({boxes: !state.boxes});
  by('objects').title = 'boxes of the connected unknown: number and mean score at an operating '
    + 'point, where they are followed over the frames shown; elsewhere the boxes alone (key o)';
  by('play').onclick = () => setPlaying(!state.timer);
  for (const {name, edge, threshold, target, data: source} of data.points) {
    const tick = document.createElement('i');
    tick.style.left = `${100 * edge / (data.edges.length - 1)}%`;
    by('ticks').append(tick);
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset.edge = edge;
    button.textContent = `${name} ${signed(threshold)}`;
    button.title = `${target} (${source})`;
    button.onclick = () => update({edge});
    by('point-list').append(button);
  }
  by('precision').textContent = 'Every number here is of the pixels shown. Scores are carried in '
    + `${data.edges.length} steps from ${signed(data.edges[0], 1)} to `
    + `${signed(data.edges[data.edges.length - 1], 1)}, none wider than `
    + `${data.resolution.toFixed(3)}; the threshold moves from step to step, and at each of them, `
    + 'the operating points included, the mask is exact.';
}

function buildLegend() {
  const entries = [...data.classes, {...data.unknown, outlined: true}];
  for (const {name, color, outlined} of entries) {
    const swatch = document.createElement('i');
    swatch.style.background = `rgb(${color})`;
    if (outlined) swatch.className = 'outlined';
    const entry = document.createElement('li');
    entry.append(swatch, name);
    by('legend').append(entry);
  }
}

async function tellPixel(event) {
  const picture = await decoded(state.frame);
  const bounds = event.target.getBoundingClientRect();
  const x = Math.min(picture.width - 1, Math.max(0, Math.floor(
    (event.clientX - bounds.left) / bounds.width * picture.width)));
  const y = Math.min(picture.height - 1, Math.max(0, Math.floor(
    (event.clientY - bounds.top) / bounds.height * picture.height)));
  const code = picture.codes[y * picture.width + x];
  const label = picture.label[y * picture.width + x];
  const edge = code - FIRST_EDGE;
  const name = label === UNLABELED ? 'no class' : data.classes[label].name;
  const score = !code ? 'nothing is said' : edge < 0 ? `score below ${signed(data.edges[0])}`
    : edge + 1 === data.edges.length ? `score ${signed(data.edges[edge])} or more`
      : `score ${signed(data.edges[edge])} to ${signed(data.edges[edge + 1])}`;
  by('pixel').textContent = `x ${x}, y ${y}: ${name}, ${score}`
    + (edge >= state.edge ? `, ${data.unknown.name}` : '');
}

buildViews();
buildControls();
buildLegend();
addEventListener('keydown', onKey);
addEventListener('hashchange', () => update(readAddress()));
update(readAddress());
