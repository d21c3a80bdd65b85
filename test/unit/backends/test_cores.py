# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Usable cores over made-up control groups and processors."""

from __future__ import annotations

import pytest

from hybrid_perception.backends.cores import usable_cores

V2, V1 = 'sys/fs/cgroup', 'sys/fs/cgroup/cpu,cpuacct'


@pytest.fixture
def make_machine(tmp_path, monkeypatch):
    def make(files, *, cpus=8, siblings=lambda cpu: f'{cpu}'):
        monkeypatch.setattr('os.sched_getaffinity', lambda pid: set(range(cpus)))
        for cpu in range(cpus):
            name = f'sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list'
            files = {name: siblings(cpu), **files}
        for name, text in files.items():
            if text is not None:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f'{text}\n')
        return tmp_path

    return make


@pytest.mark.parametrize(('quota', 'expected'), [
    ('max 100000', 8), ('150000 100000', 1), ('50000 100000', 1), ('400000 100000', 4),
    ('3200000 100000', 8), ('100000', 8), ('100000 0', 8), ('', 8)])
def test_quota_of_a_container(make_machine, quota, expected):
    root = make_machine({'proc/self/cgroup': '0::/', f'{V2}/cpu.max': quota})
    assert usable_cores(root) == expected


@pytest.mark.parametrize(('quota', 'period', 'expected'), [
    ('200000', '100000', 2), ('-1', '100000', 8), (None, '100000', 8), ('200000', None, 8)])
@pytest.mark.parametrize('proc', ['4:cpu,cpuacct:/', '4:cpu,cpuacct:/docker/abc'])
def test_quota_of_version_1(make_machine, proc, quota, period, expected):
    # Inside a container the path is the host's, and the mount itself is the group.
    root = make_machine({
        'proc/self/cgroup': f'9:memory:/x\n{proc}', f'{V1}/cpu.cfs_quota_us': quota,
        f'{V1}/cpu.cfs_period_us': period})
    assert usable_cores(root) == expected


def test_version_1_mounted_as_cpu(make_machine):
    root = make_machine({
        'proc/self/cgroup': '1:cpu:/robot', 'sys/fs/cgroup/cpu/robot/cpu.cfs_quota_us': '300000',
        'sys/fs/cgroup/cpu/robot/cpu.cfs_period_us': '100000'})
    assert usable_cores(root) == 3


@pytest.mark.parametrize(('own', 'around', 'expected'), [
    ('max 100000', '200000 100000', 2), ('100000 100000', '400000 100000', 1),
    ('600000 100000', 'max 100000', 6)])
def test_the_tightest_of_nested_groups_counts(make_machine, own, around, expected):
    root = make_machine({
        'proc/self/cgroup': '0::/system.slice/robot.service',
        f'{V2}/system.slice/robot.service/cpu.max': own, f'{V2}/system.slice/cpu.max': around})
    assert usable_cores(root) == expected


def test_other_groups_do_not_count(make_machine):
    root = make_machine({
        'proc/self/cgroup': '0::/robot\n5:cpuset:/other', f'{V2}/other/cpu.max': '100000 100000',
        'sys/fs/cgroup/cpuset/other/cpu.max': '100000 100000',
        f'{V2}/robot/cpu.max': 'max 100000'})
    assert usable_cores(root) == 8


def test_hardware_threads_of_one_core_count_once(make_machine):
    root = make_machine({}, siblings=lambda cpu: f'{cpu % 4},{cpu % 4 + 4}')
    assert usable_cores(root) == 4


@pytest.mark.parametrize('cpus', [1, 3])
def test_affinity_counts_and_nothing_else_is_needed(tmp_path, monkeypatch, cpus):
    monkeypatch.setattr('os.sched_getaffinity', lambda pid: set(range(cpus)))
    assert usable_cores(tmp_path) == cpus


def test_this_machine():
    assert usable_cores() >= 1
