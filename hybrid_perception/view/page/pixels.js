// Copyright 2026 The hybrid_perception authors; SPDX-License-Identifier: Apache-2.0
// Codes and labels out of the page's data, and the pictures that are made of them.

// Code 0: nothing is said; k + 2 and above: the score has reached edge k. See score_scale.py.
const FIRST_EDGE = 2;
const UNLABELED = 255;

/** Undo `pack` of html_page.py: base64, deflate, differences to the neighbours. */
async function unpack(text, width, height) {
  const packed = Uint8Array.from(atob(text), character => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const left = x ? bytes[at - 1] : 0;
      const up = y ? bytes[at - width] : 0;
      const corner = x && y ? bytes[at - width - 1] : 0;
      bytes[at] += left + up - corner;   // modulo 256, as it was packed
    }
  }
  return bytes;
}

/** Decode one frame: {width, height, codes, label, camera (an image or null)}. */
async function decodeFrame(frame) {
  const {width, height} = frame;
  let camera = null;
  if (frame.camera) {
    camera = new Image();
    camera.src = 'data:image/jpeg;base64,' + frame.camera;
    await camera.decode();
  }
  const [codes, label] = await Promise.all(
    [unpack(frame.score, width, height), unpack(frame.label, width, height)]);
  return {width, height, codes, label, camera};
}

/** Count the pixels of a histogram of codes whose score reaches an edge. */
function countUnknown(histogram, edge) {
  let count = 0;
  for (let code = edge + FIRST_EDGE; code < histogram.length; code++) count += histogram[code];
  return count;
}

function isUnknown(codes, edge) {
  const unknown = new Uint8Array(codes.length);
  for (let at = 0; at < codes.length; at++) unknown[at] = codes[at] >= edge + FIRST_EDGE ? 1 : 0;
  return unknown;
}

/** Tell for each pixel whether it is the rim of the unknown: 1 inside of it, 2 outside. */
function findRim(unknown, width, height) {
  const rim = new Uint8Array(unknown.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const own = unknown[at];
      const differs = (x > 0 && unknown[at - 1] !== own) || (y > 0 && unknown[at - width] !== own)
        || (x + 1 < width && unknown[at + 1] !== own)
        || (y + 1 < height && unknown[at + width] !== own);
      if (differs) rim[at] = own ? 1 : 2;
    }
  }
  return rim;
}

/**
 * Find the connected parts of the unknown, corners included, the largest first:
 * [{box: [x, y, width, height], area}]. The same as find_objects of open_set_object.py.
 */
function findObjects(unknown, width, height, {min_area: share, max_count: most}) {
  const least = Math.max(1, Math.ceil(share * width * height));
  const seen = new Uint8Array(unknown.length);
  const found = [];
  const stack = [];
  for (let start = 0; start < unknown.length; start++) {
    if (!unknown[start] || seen[start]) continue;
    let [left, right, top, bottom, area] = [width, -1, height, -1, 0];
    seen[start] = 1;
    stack.push(start);
    while (stack.length) {
      const at = stack.pop();
      const x = at % width;
      const y = (at - x) / width;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      area++;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column;
          if (unknown[next] && !seen[next]) {
            seen[next] = 1;
            stack.push(next);
          }
        }
      }
    }
    if (area >= least) found.push({box: [left, top, right - left + 1, bottom - top + 1], area});
  }
  return found.sort((one, other) => other.area - one.area).slice(0, most);
}

/** Draw boxes, white on black, each with its text above it or, at the rim, inside. */
function drawBoxes(canvas, boxes) {
  const context = canvas.getContext('2d');
  const line = Math.max(1, Math.round(canvas.width / 640));
  const size = 11 * line;
  context.lineJoin = 'round';   // letters would grow spikes
  context.font = `bold ${size}px sans-serif`;
  for (const {box: [x, y, width, height], text} of boxes) {
    const left = Math.max(0, Math.min(x, canvas.width - context.measureText(text).width));
    const base = y > size + 3 * line ? y - 3 * line : y + size + line;
    for (const [color, more] of [['#000', line], ['#fff', 0]]) {
      context.fillStyle = color;
      const [wide, high, thick] = [width + 2 * more, height + 2 * more, line + 2 * more];
      for (const [across, down, columns, rows] of [[0, 0, wide, thick], [0, 0, thick, high],
        [0, high - thick, wide, thick], [wide - thick, 0, thick, high]]) {
        context.fillRect(x - more + across, y - more + down, columns, rows);
      }
      if (!text) continue;
      context.strokeStyle = color;
      context.lineWidth = 2 * more;
      if (more) context.strokeText(text, left, base);
      context.fillText(text, left, base);
    }
  }
}

function paint(canvas, width, height, color) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const [red, green, blue, alpha] = color(at);
    image.data[4 * at] = red;
    image.data[4 * at + 1] = green;
    image.data[4 * at + 2] = blue;
    image.data[4 * at + 3] = alpha === undefined ? 255 : alpha;
  }
  context.putImageData(image, 0, 0);
}

function drawCamera(canvas, decoded) {
  canvas.width = decoded.width;
  canvas.height = decoded.height;
  const context = canvas.getContext('2d');
  context.fillRect(0, 0, decoded.width, decoded.height);
  if (decoded.camera) context.drawImage(decoded.camera, 0, 0, decoded.width, decoded.height);
}

/** Lay the colours of classes over the camera; the unknown has an outline of white on black. */
function drawOverlay(canvas, decoded, unknown, data) {
  const colors = data.classes.map(({color}) => color);
  const alpha = Math.round(255 * data.alpha);
  const rim = findRim(unknown, decoded.width, decoded.height);
  const layer = document.createElement('canvas');
  paint(layer, decoded.width, decoded.height, at => {
    if (rim[at] === 1) return [255, 255, 255, 255];
    if (rim[at] === 2) return [0, 0, 0, 255];
    if (unknown[at]) return [...data.unknown.color, alpha];
    const label = decoded.label[at];
    return label === UNLABELED || !colors[label] ? [0, 0, 0, 0] : [...colors[label], alpha];
  });
  drawCamera(canvas, decoded);
  canvas.getContext('2d').drawImage(layer, 0, 0);
}

function drawHeat(canvas, decoded, palette) {
  paint(canvas, decoded.width, decoded.height, at => palette[decoded.codes[at]]);
}

function drawMask(canvas, decoded, unknown) {
  paint(canvas, decoded.width, decoded.height, at => (
    unknown[at] ? [255, 255, 255] : decoded.codes[at] ? [0, 0, 0] : [128, 128, 128]));
}
