# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The node's parameters: one table that describes, checks, types and documents them.

`python3 -m hybrid_perception.ros.parameters` prints `docs/parameters.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Any, Union

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.manifest import CONFIDENCE_RANGE
from hybrid_perception.objects.open_set_object import ObjectGate
from hybrid_perception.scene import Style

Value = Union[bool, int, float, str, 'list[float]']


@dataclass(frozen=True)
class Entry:
    """One row of the table; the type of `default` is the type of the parameter."""

    name: str
    default: Value
    description: str
    unit: str = ''
    read_only: bool = True
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    rule: Callable[[Any], bool] | None = None
    words: str = ''

    @property
    def field(self) -> str:
        """Return the name of the field of `NodeParameters`."""
        return self.name.replace('.', '_')

    @property
    def constraint(self) -> str:
        """Return what values are right, in words; empty where any value of the type is."""
        if self.choices:
            return 'one of ' + ', '.join(self.choices)
        if self.range is not None:
            return f'{self.range[0]:g} to {self.range[1]:g}'
        return self.words

    def descriptor(self) -> ParameterDescriptor:
        """Return the ROS descriptor that `ros2 param describe` prints."""
        descriptor = ParameterDescriptor(
            description=f'{self.description} [{self.unit}]' if self.unit else self.description,
            additional_constraints=self.constraint,
            read_only=self.read_only,
        )
        if self.range is not None and isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=self.range[0], to_value=self.range[1])]
        elif self.range is not None:
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.range[0]), to_value=int(self.range[1]))]
        return descriptor

    def check(self, value: Any) -> None:
        """Raise ParameterError where a rule is broken that the descriptor cannot express."""
        if self.choices and value not in self.choices:
            raise ParameterError(f'{self.name}: got {value!r}; right: {self.constraint}')
        if self.rule is not None and not self.rule(value):
            raise ParameterError(f'{self.name}: got {value!r}; right: {self.words}')


def is_threshold(value: float) -> bool:
    """Return whether an anomaly threshold can be used; NaN stands for not set."""
    return not math.isinf(value)


def is_color_range(value: Sequence[float]) -> bool:
    """Return whether the ends of a colour scale can be used."""
    return len(value) == 2 and all(map(math.isfinite, value)) and value[0] < value[1]


PIXELS_MAX = 65536

TABLE: tuple[Entry, ...] = (
    Entry('model_path', '',
          'Manifest (.json), ONNX file beside its manifest, or directory with one model. '
          'Empty: the model shipped with the package'),
    Entry('precision', 'auto',
          'Variant of the model that runs; ONNX file and thresholds are its own. '
          'auto: the one that model_path names', choices=('auto', 'fp32', 'fp16', 'int8')),
    Entry('backend', 'auto',
          'Inference engine. auto: TensorRT where GPU, driver and package are there; else on the '
          'CPU ONNX Runtime, or for int8 OpenVINO where it is installed and agrees with ONNX '
          'Runtime; log and diagnostics say why. Any other: that one, or an error',
          choices=('auto', 'onnxruntime', 'openvino', 'tensorrt')),
    Entry('engine_path', '',
          'TensorRT plan built elsewhere, used only if it agrees with the CPU. '
          'Empty: built here once and kept in engine_cache_dir'),
    Entry('engine_cache_dir', '',
          'Where TensorRT engines are kept; only this user or root may write to it. '
          'Empty: $HYBRID_PERCEPTION_CACHE, else ~/.cache/hybrid_perception'),
    Entry('build_only', False,
          'Build the TensorRT engine into engine_cache_dir, compare it with the CPU, and end: '
          'exit code 0 if a start would use it, else 1'),
    Entry('num_threads', 0, 'CPU threads of the engine; 0: the engine decides', range=(0, 256)),
    Entry('warmup_iterations', 2, 'Inferences on a blank image before the node says it is ready',
          range=(0, 100)),
    Entry('autostart', True,
          'Configure and activate by itself. Set false where a lifecycle manager does it'),
    Entry('image_transport', 'raw',
          'raw: sensor_msgs/Image on image. '
          'compressed: sensor_msgs/CompressedImage on image/compressed',
          choices=('raw', 'compressed')),
    Entry('bit_depth', 16,
          'Bits that the camera uses of the 16 of mono16, rgb16, bgr16 and bayer_*16: 10 or 12 '
          'for many industrial cameras', unit='bit', range=(8, 16)),
    Entry('output_size', 'source',
          'Size of the outputs. source: that of the camera image. network: that of the model, '
          'for narrow links', choices=('source', 'network')),
    Entry('roi.x_offset', 0, 'Left edge of the region that is looked at', unit='pixel',
          range=(0, PIXELS_MAX)),
    Entry('roi.y_offset', 0, 'Top edge of the region that is looked at', unit='pixel',
          range=(0, PIXELS_MAX)),
    Entry('roi.width', 0, 'Width of the region; 0: as far as the image goes', unit='pixel',
          range=(0, PIXELS_MAX)),
    Entry('roi.height', 0, 'Height of the region; 0: as far as the image goes', unit='pixel',
          range=(0, PIXELS_MAX)),
    Entry('ignore_mask_path', '',
          'Grey picture, stretched to the camera image; where it is not black (own bonnet, '
          'mirror) label is 255, score NaN, mask 0. Empty: none'),
    Entry('anomaly_threshold', math.nan,
          'Score from which on a pixel counts as unknown. nan: the threshold of operating_point',
          read_only=False, rule=is_threshold, words='a finite number or nan'),
    Entry('operating_point', '',
          'Name of a threshold in the manifest, such as fpr1. Empty: the default of the '
          'manifest. Ignored while anomaly_threshold is a number', read_only=False),
    Entry('overlay_alpha', 0.5, 'Opacity of the colours in ~/overlay', read_only=False,
          range=(0.0, 1.0)),
    Entry('anomaly_color_range', [-45.0, -5.0],
          'Scores drawn with the first and the last colour in ~/anomaly_color: [vmin, vmax]',
          read_only=False, rule=is_color_range,
          words='two finite numbers [vmin, vmax] with vmin < vmax'),
    Entry('overlay_objects', True,
          'Whether ~/overlay shows the box and the id of each object', read_only=False),
    Entry('objects.min_area', 0.0002,
          'Least area of an object in ~/objects and ~/overlay, as a share of the image; 0.0002 '
          'is 13x13 pixels at 1280x720', read_only=False, range=(0.0, 1.0)),
    Entry('objects.max_count', 50, 'Most objects of one frame; the largest are kept',
          read_only=False, range=(1, 1000)),
    Entry('confidence_range', 0.0,
          'Distance of the score from the threshold at which ~/confidence is full (255), on '
          'either side; at the threshold it is 0. 0.0: what makes the share of known pixels fall '
          'tenfold, by the operating points of the model', read_only=False, range=(0.0, 1000.0)),
    Entry('drift.tolerance', 1.5,
          'Factor on the limit of the calibration from which on diagnostics warn that the camera '
          'no longer looks like its drive; 0: off. Only with an operating point of a calibration',
          range=(0.0, 100.0)),
    Entry('max_latency', 0.0,
          'Frames older than this when their turn comes are dropped; 0: off. '
          'Needs stamps of the same clock as the node', unit='s', range=(0.0, 3600.0)),
    Entry('watchdog_timeout', 2.0,
          'Without an image for this long, or without an answer of the engine to one, diagnostics '
          'warn and name the likely cause',
          unit='s', range=(0.1, 3600.0)),
    Entry('bad_answer', 'mark',
          'What is done with a frame for which the engine gives scores that are no numbers, '
          'classes that do not exist or a wrong shape. mark: such pixels are unknown in the '
          'masks, 255 in ~/label, NaN in the score. drop: the frame is dropped. fail: the engine '
          'is loaded anew, and the node fails if that does not help',
          choices=('mark', 'drop', 'fail')),
    Entry('engine_hang', 'report',
          'What is done when one frame has taken engine_timeout. report: diagnostics give an '
          'error. restart: the frame is given up and the model is loaded anew. exit: the process '
          'ends with code 1, for use_respawn', choices=('report', 'restart', 'exit')),
    Entry('engine_timeout', 10.0,
          'Time that one frame may take, decoding, engine and publishing each, before it counts '
          'as hanging', unit='s', range=(0.1, 3600.0)),
    Entry('label_info_period', 5.0,
          'Period at which ~/label_info is repeated; 0: only when it changes', unit='s',
          range=(0.0, 3600.0)),
    Entry('diagnostic_updater.period', 1.0, 'Period of /diagnostics', unit='s',
          range=(0.1, 3600.0)),
)

ENTRIES: Mapping[str, Entry] = {entry.name: entry for entry in TABLE}


@dataclass(frozen=True)
class NodeParameters:
    """The values of the table, typed; a dot in a name becomes an underscore."""

    model_path: str
    precision: str
    backend: str
    engine_path: str
    engine_cache_dir: str
    build_only: bool
    num_threads: int
    warmup_iterations: int
    autostart: bool
    image_transport: str
    bit_depth: int
    output_size: str
    roi_x_offset: int
    roi_y_offset: int
    roi_width: int
    roi_height: int
    ignore_mask_path: str
    anomaly_threshold: float
    operating_point: str
    overlay_alpha: float
    anomaly_color_range: tuple[float, float]
    overlay_objects: bool
    objects_min_area: float
    objects_max_count: int
    confidence_range: float
    drift_tolerance: float
    max_latency: float
    watchdog_timeout: float
    bad_answer: str
    engine_hang: str
    engine_timeout: float
    label_info_period: float
    diagnostic_updater_period: float


def type_parameters(values: Mapping[str, Any]) -> NodeParameters:
    """Return the typed form of a full set of values, each of which has been checked."""
    typed = {entry.field: values[entry.name] for entry in TABLE}
    typed['anomaly_color_range'] = tuple(values['anomaly_color_range'])
    return NodeParameters(**typed)


def frame_style(
    parameters: NodeParameters, threshold: float, confidence_range: float = CONFIDENCE_RANGE
) -> Style:
    """Return the settings of the outputs of one frame.

    Args:
        parameters: of the node.
        threshold: the active one.
        confidence_range: of the model; used where the parameter is 0.
    """
    vmin, vmax = parameters.anomaly_color_range
    return Style(
        threshold, parameters.overlay_alpha, vmin, vmax,
        confidence_range=parameters.confidence_range or confidence_range,
        objects=ObjectGate(parameters.objects_min_area, parameters.objects_max_count),
        overlay_objects=parameters.overlay_objects)


def markdown(entries: Sequence[Entry] = TABLE) -> str:
    """Return the table as the text of `docs/parameters.md`."""
    lines = [
        '# Parameters of perception_node',
        '',
        'Written by `python3 -m hybrid_perception.ros.parameters > docs/parameters.md`; '
        'a test fails when it is stale.',
        '',
        '"At run time" says whether `ros2 param set` may change it while the node runs. The '
        'others are read once: set them in the parameter file or on the launch line.',
        '',
        '| Name | Type | Default | Right values | At run time | Meaning |',
        '|---|---|---|---|---|---|',
    ]
    for entry in entries:
        kind = {bool: 'bool', int: 'int', float: 'double', str: 'string',
                list: 'double[]'}[type(entry.default)]
        default = repr(entry.default) if isinstance(entry.default, str) else entry.default
        bounds = f'{entry.constraint} {entry.unit}'.strip()
        live = 'no' if entry.read_only else 'yes'
        lines.append(f'| `{entry.name}` | {kind} | `{default}` | {bounds} | {live} '
                     f'| {entry.description}. |')
    lines += [
        '',
        'Besides, as in every ROS 2 node: `use_sim_time`, and for each topic '
        '`qos_overrides.<resolved topic>.<publisher or subscription>.<history, depth or '
        'reliability>`, read once.',
        '',
    ]
    return '\n'.join(lines)


if __name__ == '__main__':
    print(markdown(), end='')
