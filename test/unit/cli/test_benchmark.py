# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""`hybrid-perception benchmark`: what it times, what it leaves out and what it advises."""

from __future__ import annotations

from dataclasses import replace
import json
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper
import pytest
from tensorrt_stand_in import World

from hybrid_perception.backends import registry
from hybrid_perception.cli import benchmark
from hybrid_perception.cli.main import main
from hybrid_perception.engine.parity import Parity
from hybrid_perception.engine.speed import ALIKE, EngineSpeed, accuracy, fastest
from hybrid_perception.manifest import load_manifest, write_manifest

FEW = ('--rounds', '3', '--threads', '1')


def speed(manifest, milliseconds, *, passed=None):
    parity = None if passed is None else Parity(passed, 0.5, 0.5, 9.0, 9.0)
    return EngineSpeed(manifest, 'openvino', '', np.array(milliseconds) / 1000, parity)


@pytest.fixture
def manifest(tiny_model):
    return load_manifest(tiny_model)


def test_the_fastest_is_by_the_median_and_only_of_those_that_agree(manifest):
    slow, quick = speed(manifest, [9, 10, 11]), speed(manifest, [1, 8, 99], passed=True)
    wrong = speed(manifest, [1, 1, 1], passed=False)
    assert fastest([slow, wrong, quick]) is quick
    assert quick.median == pytest.approx(0.008)
    assert fastest([wrong]) is None
    alike = speed(manifest, [7.7, 7.7, 7.7], passed=True)
    assert fastest([slow, quick, alike]) is quick
    assert fastest([slow, alike, quick]) is alike


def test_every_variant_is_timed_and_the_advice_can_be_set(make_tiny_model, capsys):
    make_tiny_model(name='tiny.fp16', precision='fp16')
    path = make_tiny_model(variants={'fp16': 'tiny.fp16.json'})
    assert main(['benchmark', str(path), '--json', *FEW, '--backend', 'onnxruntime']) == 0
    report = json.loads(capsys.readouterr().out)
    assert [(e['precision'], e['backend']) for e in report['engines']] == [
        ('fp32', 'onnxruntime'), ('fp16', 'onnxruntime')]
    for engine in report['engines']:
        assert 0 < engine['median_ms'] <= engine['p99_ms']
        assert engine['frames_per_second'] == pytest.approx(1000 / engine['median_ms'])
        assert '1 thread(s)' in engine['detail']
        assert engine['parity'] is None
    least = min(engine['median_ms'] for engine in report['engines'])
    best = next(e for e in report['engines'] if e['median_ms'] <= ALIKE * least)
    # Timed with one thread, so the advice holds with one thread only.
    assert report['fastest'] == {
        'precision': best['precision'], 'backend': 'onnxruntime', 'num_threads': 1}
    assert (report['rounds'], report['threads']) == (3, 1)


def test_the_advice_is_parameters_of_the_node(tiny_model, capsys):
    assert main(['benchmark', str(tiny_model), *FEW, '--backend', 'onnxruntime']) == 0
    shown = capsys.readouterr()
    assert '3 round(s) in random order, 1 CPU thread(s) on ' in shown.out
    assert 'set precision: fp32, backend: onnxruntime and num_threads: 1\n' in shown.out
    pasted = '--ros-args -p precision:=fp32 -p backend:=onnxruntime -p num_threads:=1;'
    assert pasted in shown.out
    assert 'timing 1 by turns, 3 round(s): about 0 s' in shown.err
    assert 'as the manifest tells' not in shown.out   # it tells nothing


def test_all_cores_are_the_default_of_the_node_too(tiny_model, capsys):
    assert main(['benchmark', str(tiny_model), '--rounds', '1', '--backend', 'onnxruntime']) == 0
    shown = capsys.readouterr().out
    assert 'set precision: fp32 and backend: onnxruntime\n' in shown
    assert 'num_threads' not in shown


def test_the_shipped_model_unless_one_is_named(tiny_model, capsys, monkeypatch):
    monkeypatch.setattr(benchmark, 'find_installed_model', lambda: tiny_model)
    twice = ('--backend', 'onnxruntime') * 2
    assert main(['benchmark', '--json', *FEW, *twice]) == 0
    engines = json.loads(capsys.readouterr().out)['engines']
    assert [engine['model'] for engine in engines] == ['tiny']


def test_accuracy_is_said_to_be_a_mean(make_tiny_model, capsys):
    scores = {'hybrid': {'ap': 0.8, 'fpr95': 0.1}}
    path = make_tiny_model(metrics={'closed_set': {'miou': 0.5}, 'anomaly': {'one': scores}})
    assert main(['benchmark', str(path), *FEW, '--backend', 'onnxruntime']) == 0
    shown = capsys.readouterr().out
    assert ('accuracy of fp32: mIoU 50.0 %, AP 80.0 %, FPR95 10.0 %\n'
            '(as the manifest tells; AP and FPR95 are means over its sets)\n') in shown


def test_openvino_is_held_against_onnx_runtime(tiny_model, capsys):
    pytest.importorskip('openvino', reason='openvino is not installed: the extra [openvino]')
    assert main(['benchmark', str(tiny_model), *FEW, '--backend', 'openvino']) == 0
    shown = capsys.readouterr().out
    assert 'yes: 100.00 % of the labels' in shown
    assert 'set precision: fp32, backend: openvino and num_threads: 1' in shown


def test_an_engine_that_is_not_here_is_left_out_and_named(tiny_model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    arguments = ['benchmark', str(tiny_model), *FEW]
    assert main([*arguments, '--backend', 'onnxruntime', '--backend', 'openvino']) == 0
    shown = capsys.readouterr()
    assert 'openvino is left out, first for fp32: ' in shown.err
    assert 'onnxruntime' in shown.out
    assert main([*arguments, '--backend', 'openvino']) == 1
    assert 'none of openvino can run tiny here' in capsys.readouterr().err


def test_what_is_left_out_for_one_reason_is_said_once(make_tiny_model, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openvino', None)
    make_tiny_model(name='tiny.fp16', precision='fp16')
    path = make_tiny_model(variants={'fp16': 'tiny.fp16.json'})
    both = ('--backend', 'onnxruntime', '--backend', 'openvino')
    assert main(['benchmark', str(path), *FEW, *both]) == 0
    assert capsys.readouterr().err.count('left out') == 1


def test_tensorrt_is_built_told_of_and_timed_with_the_others(tiny_model, capsys, monkeypatch):
    world = World()
    monkeypatch.setattr(registry, 'find_accelerator', world.accelerator)
    both = ('--backend', 'onnxruntime', '--backend', 'tensorrt')
    assert main(['benchmark', str(tiny_model), '--json', *FEW, *both]) == 0
    shown = capsys.readouterr()
    assert 'building the TensorRT engine, 50 %' in shown.err
    _, engine = json.loads(shown.out)['engines']
    assert engine['backend'] == 'tensorrt'
    assert engine['parity']['passed']
    assert world.contexts == 0
    world.faults['wait'] = -1   # a GPU that is lost
    assert main(['benchmark', str(tiny_model), *FEW, *both]) == 0
    shown = capsys.readouterr()
    assert 'tensorrt is left out, first for fp32: ' in shown.err
    assert 'set precision: fp32, backend: onnxruntime and ' in shown.out
    assert world.contexts == 0


def unknown_operator(model):
    model.graph.node[0].op_type = 'Unheard'


def not_a_number(model):
    model.graph.initializer.append(numpy_helper.from_array(np.float32(np.nan), 'nan'))
    score = model.graph.node[-1]
    score.CopyFrom(helper.make_node('Sub', [score.input[0], 'nan'], list(score.output)))


@pytest.mark.parametrize(('spoil', 'words'), [
    (unknown_operator, 'cannot be loaded'), (not_a_number, 'not finite')])
def test_a_variant_that_onnx_runtime_cannot_run_is_left_out_and_named(
    make_tiny_model, capsys, spoil, words
):
    variant = make_tiny_model(name='tiny.fp16', precision='fp16')
    model = onnx.load(variant.with_suffix('.onnx'))
    spoil(model)
    onnx.save(model, variant.with_suffix('.onnx'))
    write_manifest(variant, json.loads(variant.read_text()))
    path = make_tiny_model(variants={'fp16': 'tiny.fp16.json'})
    arguments = ['benchmark', str(path), '--json', *FEW]
    assert main([*arguments, '--backend', 'onnxruntime']) == 0
    shown = capsys.readouterr()
    assert 'onnxruntime is left out, first for fp16: ' in shown.err
    assert words in shown.err
    assert [engine['precision'] for engine in json.loads(shown.out)['engines']] == ['fp32']
    assert main([*arguments, '--precision', 'fp16']) == 1
    assert 'can run tiny.fp16 here' in capsys.readouterr().err


def test_accuracy_is_what_the_manifest_tells_if_it_tells_it(manifest):
    scores = {'hybrid': {'ap': 0.8, 'fpr95': 0.1}}
    told = replace(manifest, metrics={
        'closed_set': {'miou': 0.5},
        'anomaly': {'one': scores, 'two': {'hybrid': {'ap': 0.6, 'fpr95': 0.3}}}})
    assert accuracy(told) == pytest.approx({'mIoU': 50.0, 'AP': 70.0, 'FPR95': 20.0})
    assert accuracy(manifest) == {}
    for free in ({'closed_set': 3}, {'closed_set': {'miou': 0.5}, 'anomaly': {}}):
        assert accuracy(replace(manifest, metrics=free)) == {}


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--rounds', '0'], '--rounds is 0'), (['--threads', '0'], '0'),
    (['--precision', 'int8'], "precision is 'int8'")])
def test_wrong_arguments_are_named(tiny_model, capsys, arguments, words):
    assert main(['benchmark', str(tiny_model), *arguments]) == 1
    assert words in capsys.readouterr().err
