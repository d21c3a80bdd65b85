# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""The progress bar of the tools for recordings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from hybrid_perception.exceptions import ParameterError

Item = TypeVar('Item')


class Progress:
    """A bar with rate and time left on a terminal, nothing elsewhere; a context manager."""

    def __init__(self, what: str, total: int | None) -> None:
        """Show an empty bar.

        Args:
            what: what is done to each frame.
            total: number of frames, where known.

        Raises:
            ParameterError: tqdm is not installed.
        """
        try:
            from tqdm import tqdm
        except ImportError as error:
            raise ParameterError(
                f"the progress bar needs tqdm ({error}); install it with 'pip install tqdm' or "
                "with this package's extra 'replay'") from error
        self._bar: Any = tqdm(total=total, desc=what, unit='frame', disable=None)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def step(self, computed: bool = True) -> None:
        """Count a frame; one that was not computed now does not count for the rate."""
        if not computed and not self._bar.disable:
            self._bar.initial += 1
        self._bar.update()

    def through(self, items: Iterable[Item]) -> Iterator[Item]:
        """Hand items on and count each."""
        for item in items:
            yield item
            self.step()
