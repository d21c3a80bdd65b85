# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""A killed run and its resumption equal one that was not disturbed; a full disk loses nothing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from hybrid_perception.replay.bag_reader import BagReader
from hybrid_perception.replay.mcap_file import complete_size, finish, is_truncated
from hybrid_perception.replay.overlap import overlap
from hybrid_perception.replay.side_by_side import side_by_side

from .conftest import camera, compressed, read_bag, write_bag

ROOT = Path(__file__).resolve().parents[3]
COMMAND = 'import sys; from hybrid_perception.cli.main import main; sys.exit(main())'
LIMITED = 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); ' + COMMAND


@pytest.fixture
def drive(tmp_path):
    """Write a bag in which frames 0, 7 and 31 cannot be decoded."""
    messages = camera(range(60), height=200, width=160)
    for number in (0, 7, 31):
        messages[number] = camera([number], compressed, damaged=True, topic='/broken')[0]
        _, when, (_, message) = messages[number]
        broken = camera([number])[0][2]
        broken[1].encoding = 'broken'
        broken[1].header = message.header
        messages[number] = ('/cam/image_raw', when, broken)
    return write_bag(tmp_path / 'in', messages)


def arguments(drive, tiny_model, output, *more):
    return ['replay', drive, '--model', tiny_model, '--threads', '1', '--output', output,
            *ASKED, *more]


def start(code, *given):
    return subprocess.Popen(
        [sys.executable, '-c', code, *map(str, given)], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, 'PYTHONPATH': str(ROOT)})


def newest(part: Path) -> Path | None:
    return max(part.glob('*/*/*.mcap'), key=lambda path: path.stat().st_mtime_ns, default=None)


ASKED = ('--with-input', '--outputs', 'label', 'open_set_mask', 'anomaly_score', 'objects')


def kill_at(process, part, *, size, delay):
    """Kill a replay when its file has a size, or some seconds after its start; tell if it ran."""
    begin = time.monotonic()
    while process.poll() is None:
        written = 0
        with contextlib.suppress(FileNotFoundError):   # it may be finished while one looks
            file = newest(part) if part.exists() else None
            written = 0 if file is None else file.stat().st_size
        if written > size or time.monotonic() - begin > delay:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.parametrize('seed', [1, 2])
def test_kills_at_random_moments_and_a_resumption_equal_an_undisturbed_run(
    tmp_path, drive, tiny_model, run_tool, replay, seed
):
    expected = replay(drive, *ASKED).read_bytes()
    output, part = tmp_path / 'out.mcap', tmp_path / 'out.mcap.part'
    output.unlink()
    draw = random.Random(seed)
    # Most while frames are written; one at any moment of the start, when the folder is made,
    # what is there is looked at and the complete frames are copied.
    moments = [{'size': draw.uniform(0, 0.9) * len(expected), 'delay': float('inf')}
               for _ in range(3)]
    moments.insert(draw.randrange(4), {'size': float('inf'), 'delay': draw.uniform(0.1, 0.8)})
    killed = 0
    for moment in moments:
        output.unlink(missing_ok=True)   # the last one was quicker than its killer
        command = arguments(drive, tiny_model, output, '--jobs', draw.randint(1, 3))
        killed += kill_at(start(COMMAND, *command), part, **moment)
    assert killed >= 2
    was_killed = not output.exists()
    begun = newest(part) if was_killed else None
    keeps = begun is not None and complete_size(begun) > 1000
    # How many frames are worked on at a time is no reason to begin anew.
    code, out, err = run_tool('replay', drive, *ASKED, '--output', output, '--jobs', 3,
                              *([] if was_killed else ['--overwrite']))
    assert code == 0, err
    assert output.read_bytes() == expected
    assert '57 frames' in out
    assert '3 frame(s) could not be used' in err
    assert not part.exists()
    if keeps:
        assert 'kept from the run before' in out


def test_a_full_disk_is_told_of_and_what_was_written_can_be_read(
    tmp_path, drive, tiny_model, run_tool, replay
):
    expected = replay(drive, *ASKED, output='x/out.mcap').read_bytes()
    output = tmp_path / 'out.mcap'
    # The kernel refuses to let the file grow, as it would on a full disk.
    process = start(LIMITED.format(5_000_000), *arguments(drive, tiny_model, output))
    _, err = process.communicate(timeout=100)
    assert process.returncode == 1, err
    assert 'out.mcap cannot be written: File too large. What is done is kept' in err
    assert 'Traceback' not in err
    kept = newest(tmp_path / 'out.mcap.part')
    assert not is_truncated(kept)
    assert len(read_bag(kept)) >= 40
    code, out, err = run_tool('replay', drive, '--output', output, *ASKED)
    assert code == 0, err
    assert 'kept from the run before' in out
    assert output.read_bytes() == expected


def test_other_settings_do_not_take_up_an_unfinished_run(tmp_path, drive, tiny_model, run_tool):
    output = tmp_path / 'out.mcap'
    process = start(LIMITED.format(3_000_000), *arguments(drive, tiny_model, output))
    process.communicate(timeout=100)
    given = ('replay', drive, '--output', output, *ASKED)
    code, _, err = run_tool(*given, '--threshold', 3)
    assert code == 1
    assert 'holds an unfinished run with another threshold' in err
    code, out, err = run_tool(*given, '--threshold', 3, '--restart')
    assert code == 0, err
    assert 'kept' not in out


@pytest.mark.parametrize('share', [0.2, 0.5, 0.77, 0.999])
def test_a_mended_file_holds_what_was_complete(tmp_path, share):
    bag = write_bag(tmp_path / 'in', camera(range(30), height=160, width=200))
    file = bag / 'in.mcap'
    whole = read_bag(file)
    content = file.read_bytes()
    file.write_bytes(content[:int(share * len(content))])
    assert is_truncated(file)
    with BagReader(file) as reader:
        seen = [record.content for record in reader.records()]
    finish(file)
    assert not is_truncated(file)
    assert file.stat().st_size <= len(content)
    mended = read_bag(file)
    assert len(mended) == len(seen)
    assert len(mended) >= share * len(whole) - 12
    assert [time for _, time, _ in mended] == [time for _, time, _ in whole[:len(mended)]]


def test_zeros_that_a_crash_left_are_no_records(tmp_path):
    file = write_bag(tmp_path / 'in', camera(range(3))) / 'in.mcap'
    content = file.read_bytes()
    before = complete_size(file)
    file.write_bytes(content[:before] + bytes(5000))
    assert complete_size(file) == before


def test_overlap_keeps_the_order_and_stays_within_its_depth():
    ahead = []

    def count():
        for number in range(50):
            ahead.append(number)
            yield number

    for number in overlap(count(), depth=3):
        assert len(ahead) <= number + 1 + 3 + 2   # waiting, in the hand of the thread, just taken
    assert ahead == list(range(50))


def test_overlap_hands_on_what_came_before_an_error_and_then_the_error():
    def fail():
        yield 1
        raise ValueError('boom')

    items = overlap(fail())
    assert next(items) == 1
    with pytest.raises(ValueError, match='boom'):
        next(items)


def test_closing_overlap_closes_its_source():
    closed = []

    def forever():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    items = overlap(forever())
    assert next(items) == 1
    items.close()
    assert closed == [True]


def test_side_by_side_keeps_the_order_and_works_on_several_at_a_time():
    both = threading.Barrier(2, timeout=30)

    def work(number):
        both.wait()   # each waits until a neighbour is worked on as well
        return 10 * number

    assert list(side_by_side(work, iter(range(6)), workers=2)) == [0, 10, 20, 30, 40, 50]


def test_side_by_side_takes_no_more_items_than_it_must():
    taken = []

    def count():
        for number in range(20):
            taken.append(number)
            yield number

    for number in side_by_side(lambda item: item, count(), workers=2):
        assert len(taken) <= number + 3


def test_side_by_side_hands_on_what_came_before_an_error_and_then_the_error():
    def items():
        yield from (1, 2, 3)
        raise ValueError('no more')

    results = side_by_side(lambda item: item, items(), workers=2)
    assert [next(results), next(results), next(results)] == [1, 2, 3]
    with pytest.raises(ValueError, match='no more'):
        next(results)

    def fail(item):
        if item == 2:
            raise ValueError('boom')
        return item

    results = side_by_side(fail, iter((1, 2, 3)), workers=2)
    assert next(results) == 1
    with pytest.raises(ValueError, match='boom'):
        next(results)
