# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""When each message of a recording is due, also where it is played again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.replay.message import Message
from hybrid_perception.replay.playback import Unplayable

NANOSECONDS = 1_000_000_000
LONE_FRAME = 100_000_000
"""Nanoseconds after which a lap ends that has one frame only."""


@dataclass(frozen=True)
class Cue:
    """A message and when it is to be sent.

    Attributes:
        due: seconds from the start of playing.
        message: what is sent.
        lap: number of the lap, from 0.
    """

    due: float
    message: Message
    lap: int


def cues(
    read: Callable[[], Iterator[Message | Unplayable]],
    *,
    rate: float = 1.0,
    laps: int = 1,
    start: float = 0.0,
) -> Iterator[Cue | Unplayable]:
    """Put the messages of a recording on a timeline.

    A lap lasts one period of the last camera longer than the recording, so that the first frame
    of the next does not come on the heels of the last one.

    Args:
        read: reads the recording once, in the order of recording.
        rate: speed; 2 is twice as fast as recorded.
        laps: how often the recording is played; 0 for endlessly.
        start: what is left out at the beginning of each lap, seconds of the recording.

    Raises:
        ParameterError: Nothing is left to be played.
    """
    begun = 0.0
    for lap in count():
        if laps and lap >= laps:
            return
        first: int | None = None
        last: dict[str, int] = {}
        period = LONE_FRAME
        for message in read():
            if isinstance(message, Unplayable):
                if not lap:   # one report is enough
                    yield message
                continue
            topic, time, _ = message
            first = time + round(start * NANOSECONDS) if first is None else first
            if time < first:
                continue
            period = time - last.get(topic, time - period)
            last[topic] = time
            yield Cue(begun + (time - first) / NANOSECONDS / rate, message, lap)
        if first is None or not last:
            raise ParameterError(
                f'nothing is left to be played after the first {start:g} s of the recording')
        begun += (max(last.values()) - first + period) / NANOSECONDS / rate
