# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.interleaved import take_turns


def test_every_call_has_its_turn_in_every_round():
    called = []
    seconds = take_turns({n: lambda n=n: called.append(n) for n in 'abc'}, 20, seed=1)
    assert list(seconds) == ['a', 'b', 'c']
    assert all(values.shape == (20,) and (values >= 0).all() for values in seconds.values())
    assert called[:3] == ['a', 'b', 'c']   # not counted
    rounds = [tuple(called[i:i + 3]) for i in range(3, len(called), 3)]
    assert all(sorted(turn) == ['a', 'b', 'c'] for turn in rounds)
    assert len(set(rounds)) > 1


def test_no_round_is_refused():
    with pytest.raises(ParameterError, match='rounds is 0'):
        take_turns({'a': lambda: None}, 0)
