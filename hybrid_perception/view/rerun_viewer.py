# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The viewer of Rerun in the browser, served from this machine; all that is known of its API."""

from __future__ import annotations

from collections.abc import Mapping
import socket
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.labels import UNLABELED
from hybrid_perception.view.legend import Legend
from hybrid_perception.view.legend_picture import legend_picture
from hybrid_perception.view.object_boxes import ObjectBoxes
from hybrid_perception.view.sampling import sample, shrink, small_size
from hybrid_perception.view.view_frame import QUANTILES, ViewFrame

REQUIREMENT = 'rerun-sdk>=0.41,<0.42'
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 85]
_CURVES = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0))
"""Colours of curves that every eye tells apart (Okabe and Ito)."""


class RerunViewer:
    """A running viewer; a context manager.

    Attributes:
        address: of its page.
    """

    def __init__(
        self, legend: Legend, *, port: int, memory: str, width: int, live: bool, timed: bool
    ) -> None:
        """Serve the viewer and its data.

        Args:
            legend: of the frames to come.
            port: of the page; the next one serves the data.
            memory: what the server keeps of the frames, such as 2GiB.
            width: largest width of the pictures, pixels.
            live: follow the newest frame.
            timed: frames come with times, and their plot is wanted.

        Raises:
            ParameterError: Rerun is not installed, or a port is taken.
        """
        self._rr, blueprint = _load_rerun()
        _check_ports(port)
        self._legend = legend
        self._width = width
        self._begin: float | None = None
        self._count = 0
        self._times: set[str] = set()
        self._boxes = ObjectBoxes(legend, [legend.point])
        self._recording = self._rr.RecordingStream('hybrid_perception')
        data = self._recording.serve_grpc(
            grpc_port=port + 1, server_memory_limit=memory,
            default_blueprint=_layout(blueprint, live=live, timed=timed))
        self._rr.serve_web_viewer(web_port=port, open_browser=False, connect_to=data)
        self.address = f'http://127.0.0.1:{port}/?url={quote(data, safe="")}'
        self._log_legend()

    def __enter__(self) -> RerunViewer:
        return self

    def __exit__(self, *_: object) -> None:
        self._recording.disconnect()

    def log(self, frame: ViewFrame) -> None:
        """Show a frame."""
        seconds = frame.stamp.nanoseconds / 1e9
        self._begin = seconds if self._begin is None else self._begin
        self._recording.set_time('frame', sequence=self._count)
        self._recording.set_time('time', duration=seconds - self._begin)
        self._count += 1
        self._log_pictures(frame)
        self._log_masks(frame)
        self._log_objects(frame)
        for number, value in enumerate(frame.quantiles().values()):
            self._scalar(f'score/{number}', value)
        for number, point in enumerate(self._legend.points.values()):
            with np.errstate(invalid='ignore'):
                share = float((frame.score >= np.float32(point.threshold)).mean())
            self._scalar(f'share/{number}', 100 * share)
        self._log_times(frame.times)

    def _log_pictures(self, frame: ViewFrame) -> None:
        scene = frame.scene(self._legend.class_map, self._legend.style)
        colors = self._legend.scale.palette[self._legend.scale.encode(frame.score)]
        pictures = {'picture/overlay': scene.overlay, 'anomaly_score': colors}
        if frame.camera is not None:
            pictures['camera'] = frame.camera
        for path, rgb in pictures.items():
            small = cv2.cvtColor(shrink(rgb, self._width), cv2.COLOR_RGB2BGR)
            jpeg = cv2.imencode('.jpg', small, _JPEG)[1].tobytes()
            self._recording.log(
                path, self._rr.EncodedImage(contents=jpeg, media_type='image/jpeg'))
        if frame.label is not None:
            label = sample(frame.label, self._width)
            # Invisible over the overlay: the pointer tells the class.
            self._recording.log(
                'picture/label', self._rr.SegmentationImage(label, opacity=0.0))

    def _log_masks(self, frame: ViewFrame) -> None:
        score = sample(frame.score, self._width)
        nothing = np.isnan(score)
        thresholds = {'unknown': [self._legend.threshold],
                      'levels': [point.threshold for point in self._legend.points.values()]}
        for path, steps in thresholds.items():
            reached = np.searchsorted(
                np.asarray(steps, np.float32), score, side='right').astype(np.uint8)
            reached[nothing] = UNLABELED
            self._recording.log(path, self._rr.SegmentationImage(reached, opacity=1.0))

    def _log_objects(self, frame: ViewFrame) -> None:
        """Draw the boxes at the chosen operating point into the camera image and the overlay."""
        objects = self._boxes.find(frame)[self._legend.point]
        height, width = frame.score.shape
        rows, columns = small_size(height, width, self._width)
        across, down = columns / width, rows / height
        boxes = self._rr.Boxes2D(
            array=[(item.x * across, item.y * down, item.width * across, item.height * down)
                   for item in objects],
            array_format=self._rr.Box2DFormat.XYWH,
            labels=[f'#{item.id} {item.mean_score:.1f}' for item in objects],
            colors=[(255, 255, 255)] * len(objects), show_labels=True)
        self._recording.log('picture/objects', boxes)
        if frame.camera is not None:
            self._recording.log('camera/objects', boxes)

    def _log_times(self, times: Mapping[str, float]) -> None:
        for name, value in times.items():
            if name not in self._times:
                self._times.add(name)
                title = name.removesuffix('_ms').replace('_', ' ')
                self._name_curve(f'times/{name}', title, len(self._times) - 1)
            self._scalar(f'times/{name}', value)

    def _scalar(self, path: str, value: float) -> None:
        self._recording.log(path, self._rr.Scalars(value))

    def _name_curve(self, path: str, name: str, number: int) -> None:
        line = self._rr.SeriesLines(
            names=name, colors=[_CURVES[number % len(_CURVES)]], widths=[2.0])
        self._recording.log(path, line, static=True)

    def _log_legend(self) -> None:
        classes = self._legend.class_map
        entries = [(number, classes.name(number), tuple(int(c) for c in classes.palette()[number]))
                   for number in range(classes.num_classes)]
        self._context('picture/label', [*entries, (UNLABELED, 'unlabeled', (0, 0, 0))])
        grey = (UNLABELED, 'nothing is said', (128, 128, 128))
        self._context('unknown', [
            (0, 'known', (0, 0, 0)), (1, classes.unknown_name, (255, 255, 255)), grey])
        shades = _shades(len(self._legend.points))
        named = [(0, 'known at every operating point', (0, 0, 0))]
        for number, (name, point) in enumerate(self._legend.points.items()):
            named.append((number + 1, f'{name}: {point.threshold:.2f} or more', shades[number]))
            self._name_curve(f'share/{number}', name, number)
        self._context('levels', [*named, grey])
        for number, name in enumerate(QUANTILES):
            self._name_curve(f'score/{number}', name, number)
        picture = self._rr.Image(legend_picture(self._legend, shades))
        self._recording.log('legend', picture, static=True)
        text = self._rr.TextDocument(legend_text(self._legend), media_type='text/markdown')
        self._recording.log('about', text, static=True)

    def _context(self, path: str, entries: list[tuple[int, str, tuple[int, ...]]]) -> None:
        self._recording.log(path, self._rr.AnnotationContext(entries), static=True)


def legend_text(legend: Legend) -> str:
    """Say in Markdown what the pictures mean."""
    rows = '\n'.join(
        f'* **{name}**, {point.threshold:.3f}: {point.target} ({point.data})'
        for name, point in legend.points.items())
    return (
        f'**{legend.title}**, model {legend.model}\n\n'
        f'Anomaly score: dark is {legend.scale.vmin:g} and below, bright {legend.scale.vmax:g} '
        'and above, grey: nothing is said. The same colours in every frame.\n\n'
        f'"unknown" is the mask at **{legend.point}**, and the boxes are its '
        'objects: their number, the same over the frames, and their mean score. '
        '"operating points" shows in one picture which of them each pixel '
        'reaches. A threshold that moves: `hybrid-perception view INPUT --html PAGE`.\n\n'
        f'{rows}\n')


def _shades(count: int) -> list[tuple[int, int, int]]:
    """Choose ``count`` colours of rising lightness."""
    steps = np.linspace(90, 250, count).astype(np.uint8)[:, None]
    bgr: NDArray[np.uint8] = np.asarray(cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO), np.uint8)
    return [(int(red), int(green), int(blue)) for blue, green, red in bgr[:, 0]]


def _layout(rrb: Any, *, live: bool, timed: bool) -> Any:
    def picture(origin: str, name: str) -> Any:
        return rrb.Spatial2DView(origin=origin, name=name)

    plots = [rrb.TimeSeriesView(origin=origin, name=name) for origin, name in (
        ('/score', 'score, quantiles'), ('/share', 'unknown pixels, %'),
        *([('/times', 'times, ms')] if timed else []))]
    pictures = rrb.Vertical(
        rrb.Horizontal(picture('/camera', 'camera'), picture('/picture', 'overlay')),
        rrb.Horizontal(
            picture('/anomaly_score', 'anomaly score'),
            rrb.Tabs(picture('/unknown', 'unknown'), picture('/levels', 'operating points'))),
        rrb.Horizontal(*plots),
        row_shares=[4, 4, 3])
    side = rrb.Vertical(
        picture('/legend', 'legend'), rrb.TextDocumentView(origin='/about', name='about'),
        row_shares=[3, 1])
    return rrb.Blueprint(
        rrb.Horizontal(pictures, side, column_shares=[4, 1]),
        rrb.BlueprintPanel(state='collapsed'), rrb.SelectionPanel(state='collapsed'),
        rrb.TimePanel(state='collapsed', timeline='time',
                      play_state='following' if live else 'paused'),
        auto_views=False)


def _load_rerun() -> tuple[Any, Any]:
    try:
        import rerun
        import rerun.blueprint as blueprint
    except ImportError as error:
        raise ParameterError(
            f"the viewer needs Rerun ({error}); install it with: pip install '{REQUIREMENT}' "
            '(170 MB), or write a page that needs nothing: --html PAGE') from error
    return rerun, blueprint


def _check_ports(port: int) -> None:
    for number in (port, port + 1):
        with socket.socket() as probe:
            # As Rerun does: a port that a viewer has just left may be taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('0.0.0.0', number))
            except OSError as error:
                raise ParameterError(
                    f'port {number} cannot be used: {error.strerror}; is another viewer running? '
                    'Choose with --port, which also takes the port after it') from error
