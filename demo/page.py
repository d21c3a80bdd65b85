# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's result as one HTML file that needs nothing else: no server, no network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
import html
from string import Template

import cv2

from panels import Panel

PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>hybrid_perception demo</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 62em; color: #222; }
table { border-collapse: collapse; } td { padding: .15em 1.2em .15em 0; }
td + td { font-variant-numeric: tabular-nums; }
img { width: 100%; background: #000; } input { width: 80%; vertical-align: middle; }
.key span { display: inline-block; margin-right: 1em; white-space: nowrap; }
.key i { display: inline-block; width: 1em; height: 1em; margin-right: .3em;
         vertical-align: -.15em; border: 1px solid #888; }
</style></head><body>
<h1>hybrid_perception demo</h1>
<p>$source, segmented by <code>$model</code>. White outlines and the colour of
<b>$unknown</b> mark what the model takes for none of its classes.</p>
<p><button id="play">play</button> <input id="at" type="range" min="0" max="$last" value="0">
frame <span id="frame"></span></p>
<img id="view" alt="camera, overlay, anomaly score and ground truth">
<p class="key">$key</p>
<table>$rows</table>
<script>
const pictures = [$pictures], frames = [$frames];
const at = document.getElementById('at');
let timer = null;
function show() {
  document.getElementById('view').src = 'data:image/jpeg;base64,' + pictures[at.value];
  document.getElementById('frame').textContent = frames[at.value];
}
at.oninput = show;
document.getElementById('play').onclick = function () {
  if (timer) { clearInterval(timer); timer = null; this.textContent = 'play'; return; }
  this.textContent = 'stop';
  timer = setInterval(() => { at.value = (+at.value + 1) % pictures.length; show(); }, 200);
};
show();
</script></body></html>
""")


def render_page(
    *,
    source: str,
    model: str,
    rows: Sequence[tuple[str, str]],
    classes: Sequence[tuple[str, tuple[int, int, int]]],
    panels: Sequence[Panel],
) -> str:
    """Render the page.

    Args:
        source: What was played.
        model: Name of the model.
        rows: Names and values of the table.
        classes: Names and RGB colours; the last one is the unknown.
        panels: The frames to show, at least one.
    """
    pictures = [
        base64.b64encode(cv2.imencode(
            '.jpg', panel.compose(), [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()).decode()
        for panel in panels
    ]
    return PAGE.substitute(
        source=html.escape(source),
        model=html.escape(model),
        unknown=html.escape(classes[-1][0]),
        last=len(panels) - 1,
        key=' '.join(
            f'<span><i style="background:rgb{color}"></i>{html.escape(name)}</span>'
            for name, color in classes),
        rows=''.join(
            f'<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>'
            for name, value in rows),
        pictures=','.join(f'"{picture}"' for picture in pictures),
        frames=','.join(str(panel.index) for panel in panels),
    )
