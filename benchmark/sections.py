# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The sections of docs/performance.md, in order.

A section is a module of this package with `measure(settings) -> list[Table]`; it raises
`NotMeasured` where the machine lacks what it needs. To add one: write the module, add a line.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One module.

    Attributes:
        module: its name in this package, and the section's name for `--only`.
        title: heading in the document.
        seconds: after which it is stopped; a guard against what hangs, wide enough for a machine
            several times slower than those that it was written on.
        learned: whether it measures accuracy with `--data`.
    """

    module: str
    title: str
    seconds: int = 1200
    learned: bool = False


SECTIONS = (
    Section('core', 'The engine alone and the core around it'),
    Section('memory', 'Memory'),
    Section('end_to_end', 'From the engine to the reader', 2700),
    Section('node_time', "The node's own time"),
    Section('latency', 'Where the time of a frame goes'),
    Section('output_cost', 'Outputs'),
    Section('overload', 'Overload'),
    Section('several_cameras', 'Several cameras'),
    Section('start_up', 'Start'),
    Section('transport', 'Transport'),
    Section('replay_throughput', 'Replay'),
    Section('engines', 'CPU engines against the peak of the machine'),
    Section('graph_variants', 'Ways from stride 4 to full size', learned=True),
    Section('native_tail', 'A native loop instead of the tail in the graph'),
    Section('encoders', 'Encoders'),
    Section('training_speed', 'Training'),
)
