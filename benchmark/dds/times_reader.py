# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A reader process of the node's times: notes each value."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

from std_msgs.msg import Float64

from benchmark.dds.reader import read_until_stopped


def main() -> None:
    """Read until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('topics', nargs='+')
    parser.add_argument('--log', type=Path, required=True,
                        help='CSV: number of the topic, value (ms)')
    options = parser.parse_args()
    read_until_stopped('times_reader', options.topics, Float64, 10, options.log, note)


def note(index: int, log: TextIO, message: Float64) -> None:
    """Write one line."""
    print(f'{index},{message.data}', file=log)


if __name__ == '__main__':
    main()
