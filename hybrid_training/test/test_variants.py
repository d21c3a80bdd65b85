# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""FP16 and INT8: the types in the graph, the scales, the layers left out, the files."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from precision_graphs import precision_graph
import pytest
import yaml

from hybrid_perception.manifest import load_manifest, write_manifest
from hybrid_training.cli.main import main
from hybrid_training.data.class_list import CITYSCAPES
from hybrid_training.exceptions import ExportError
from hybrid_training.export import float_layers
from hybrid_training.export.activation_scales import activation_scales
from hybrid_training.export.float_layers import choose_layers
from hybrid_training.export.half_precision import to_half
from hybrid_training.export.model_card import model_card
from hybrid_training.export.onnx_graph import (
    ancestors,
    multiplications,
    name_nodes,
    value_types,
)
from hybrid_training.export.precision_bars import BARS, PrecisionBar, against
from hybrid_training.export.quantization import quantizable, quantize
from hybrid_training.export.session import open_graph

OUTPUTS = ['label', 'anomaly_score']
HEIGHT, WIDTH = 64, 128


@pytest.fixture
def model():
    graph = precision_graph(HEIGHT, WIDTH, 'fp32', classes=19)
    name_nodes(graph.graph)
    return graph


@pytest.fixture
def pictures():
    rng = np.random.default_rng(1)
    smooth = rng.integers(0, 256, (6, 1, 8, 16, 3), dtype=np.uint8)
    return [np.ascontiguousarray(p.repeat(8, axis=1).repeat(8, axis=2)) for p in smooth]


def scales_of(model, pictures):
    nodes = quantizable(model, OUTPUTS)
    return activation_scales(model, [node.input[0] for node in nodes], pictures)


def run(model, picture):
    return open_graph(model).run(OUTPUTS, {'image': picture})


def test_half_keeps_inputs_outputs_and_the_answer(model, pictures):
    half = to_half(model, score='anomaly_score', label='label')
    onnx.checker.check_model(half, full_check=True)
    assert half.graph.input == model.graph.input
    assert half.graph.output == model.graph.output
    for picture in pictures[:2]:
        (label, score), (half_label, half_score) = run(model, picture), run(half, picture)
        assert (label == half_label).mean() > 0.99
        assert 0 < np.abs(score - half_score).max() < 0.05


def test_half_is_half_but_for_what_the_score_alone_needs(model):
    half = to_half(model, score='anomaly_score', label='label')
    types = value_types(half)
    alone = ancestors(model.graph, 'anomaly_score') - ancestors(model.graph, 'label')
    assert {'ReduceLogSumExp', 'Softplus'} <= {
        node.op_type for node in half.graph.node if node.name in alone}
    for node in half.graph.node:
        kinds = {types[name] for name in node.output}
        if node.name in alone:
            assert kinds == {TensorProto.FLOAT}, node.name
        elif node.op_type == 'Conv':
            assert kinds == {TensorProto.FLOAT16}, node.name
    convolutions = [node for node in half.graph.node if node.op_type == 'Conv']
    weights = {tensor.name: tensor for tensor in half.graph.initializer}
    shared = [node for node in convolutions if node.name not in alone]
    assert {weights[name].data_type for node in shared for name in node.input[1:]} == {
        TensorProto.FLOAT16}


def test_half_gives_an_output_of_the_trunk_its_type_back(model):
    trunk = next(n for n in model.graph.node if n.op_type == 'Relu').output[0]
    model.graph.output.append(helper.make_tensor_value_info(trunk, TensorProto.FLOAT, None))
    half = to_half(model, score='anomaly_score', label='label')
    picture = np.full((1, HEIGHT, WIDTH, 3), 90, np.uint8)
    [right] = open_graph(model).run([trunk], {'image': picture})
    [found] = open_graph(half).run([trunk], {'image': picture})
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, right, rtol=0.01, atol=0.01)


def test_a_weight_that_half_cannot_hold_is_named(model):
    kernel = next(t for t in model.graph.initializer if len(t.dims) == 4)
    kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel) * 1e7, kernel.name))
    with pytest.raises(ExportError, match=f'weight {kernel.name} reaches beyond 65504'):
        to_half(model, score='anomaly_score', label='label')


def test_int8_is_what_tensorrts_parser_takes(model, pictures):
    nodes = quantizable(model, OUTPUTS)
    rounded = quantize(model, scales_of(model, pictures), [node.name for node in nodes])
    onnx.checker.check_model(rounded, full_check=True)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in rounded.graph.initializer}
    pairs = [n for n in rounded.graph.node if n.op_type in ('QuantizeLinear', 'DequantizeLinear')]
    assert len(pairs) == 3 * len(nodes)
    for node in pairs:
        zero = weights[node.input[2]]
        assert zero.dtype == np.int8
        assert not zero.any()
    makers = {output: node for node in rounded.graph.node for output in node.output}
    names = {node.name for node in nodes}
    for node in rounded.graph.node:
        if node.name in names:
            data, kernel = makers[node.input[0]], makers[node.input[1]]
            assert makers[data.input[0]].op_type == 'QuantizeLinear'
            stored, steps = weights[kernel.input[0]], weights[kernel.input[1]]
            assert stored.dtype == np.int8
            assert steps.shape == (len(stored),)
            assert (np.abs(stored.reshape(len(stored), -1).astype(int)).max(axis=1) == 127).all()
            assert weights[node.input[2]].dtype == np.float32  # no bias is quantised
    first, last = [n for n in rounded.graph.node if n.op_type == 'Conv'][::3]
    assert first.input[1] in weights
    assert last.input[1] in weights


def test_depthwise_convolutions_stay_in_float(model):
    [second] = quantizable(model, OUTPUTS)
    second.attribute.append(helper.make_attribute('group', 16))
    assert quantizable(model, OUTPUTS) == []


def test_int8_keeps_the_answer_nearly(model, pictures):
    nodes = [node.name for node in quantizable(model, OUTPUTS)]
    rounded = quantize(model, scales_of(model, pictures), nodes)
    (label, score), (int8_label, int8_score) = run(model, pictures[0]), run(rounded, pictures[0])
    assert (label == int8_label).mean() > 0.97
    assert 0 < np.abs(score - int8_score).mean() < 0.1 * score.std()


def test_scales_give_up_rare_extremes(model):
    nodes = quantizable(model, OUTPUTS)
    tensor = nodes[0].input[0]
    calm = np.full((1, HEIGHT, WIDTH, 3), 130, np.uint8)
    calm[:, ::2, ::3] = 110
    spot = calm.copy()
    spot[:, 0, 0] = 255
    session = open_graph(_showing(model, tensor))
    [values] = session.run([tensor], {'image': calm})
    [extremes] = session.run([tensor], {'image': spot})
    assert extremes.max() > values.max()
    assert activation_scales(model, [tensor], [calm])[tensor] == pytest.approx(
        np.abs(values).max() / 127, rel=0.3)
    # the larger second picture makes the histogram grow, and is not what decides
    scale = activation_scales(model, [tensor], [calm, spot])[tensor]
    assert scale < np.abs(extremes).max() / 127


def _showing(model, tensor):
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))
    return shown


def test_a_tensor_that_is_always_zero_has_a_scale(model):
    tensor = quantizable(model, OUTPUTS)[0].input[0]
    maker = next(n for n in model.graph.node if tensor in n.output)
    zero = numpy_helper.from_array(np.zeros((), np.float32), 'nothing')
    model.graph.initializer.append(zero)
    renamed = f'{tensor}_before'
    maker.output[0] = renamed
    index = list(model.graph.node).index(maker)
    model.graph.node.insert(
        index + 1, helper.make_node('Mul', [renamed, 'nothing'], [tensor], name='silence'))
    picture = np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)
    assert activation_scales(model, [tensor], [picture]) == {tensor: 1.0}


def _with_a_hostile_layer(model):
    """Make one channel of the trunk 3000 times as large as the others, and undo it behind."""
    first, second = [n for n in model.graph.node if n.op_type == 'Conv'][:2]
    for name, place in ((first.input[1], np.s_[0]), (second.input[1], np.s_[:, 0])):
        tensor = next(t for t in model.graph.initializer if t.name == name)
        values = numpy_helper.to_array(tensor).copy()
        values[place] *= 3000 if name == first.input[1] else 1 / 3000
        tensor.CopyFrom(numpy_helper.from_array(values, name))
    return second.name


def test_the_layer_that_int8_hurts_stays_in_float(model, pictures):
    hostile = _with_a_hostile_layer(model)
    nodes = [node.name for node in quantizable(model, OUTPUTS)]
    assert nodes == [hostile]
    scales = scales_of(model, pictures)
    choice = choose_layers(model, scales, nodes, pictures, ('label', 'anomaly_score'))
    assert choice.kept == (hostile,)
    assert choice.quantized == ()
    assert choice.damage.labels == choice.damage.score == 0


def _chain(sizes):
    """Make a graph of 1x1 convolutions, each on a map of (size, size) and 4 channels."""
    nodes, weights, tensor = [], [], 'image'
    for index, size in enumerate(sizes):
        stride = (sizes[index - 1] if index else size) // size
        weights.append(numpy_helper.from_array(np.ones((4, 4, 1, 1), np.float32), f'w{index}'))
        nodes.append(helper.make_node('Conv', [tensor, f'w{index}'], [f'map{index}'],
                                      name=f'conv{index}', strides=[stride, stride]))
        tensor = f'map{index}'
    info = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(nodes, 'chain', [info('image', 1, [1, 4, sizes[0], sizes[0]])],
                          [info(tensor, 1, [1, 4, sizes[-1], sizes[-1]])], weights),
        opset_imports=[helper.make_opsetid('', 18)], ir_version=9)


def test_of_two_layers_the_one_with_less_work_stays_in_float(monkeypatch):
    model = _chain([16, 16, 4, 4])
    assert multiplications(model) == {'conv0': 4096, 'conv1': 4096, 'conv2': 256, 'conv3': 256}
    harm = {'conv1': 0.004, 'conv2': 0.003}  # of labels; the limit bears one of them

    def judge(rounded, count):
        return float_layers.Damage(sum(harm[node.name] for node in rounded.graph.node
                                       if node.input[1].endswith('_int8')), 0.0)

    monkeypatch.setattr(float_layers, '_judge', lambda *_: judge)
    choice = choose_layers(
        model, {'map0': 1.0, 'map1': 1.0}, list(harm), [np.zeros(1)], ('label', 'score'))
    assert (choice.quantized, choice.kept) == (('conv1',), ('conv2',))
    assert choice.int8_share == pytest.approx(4096 / 4352)


def test_layers_that_do_no_harm_are_all_quantised(model, pictures, monkeypatch):
    monkeypatch.setattr(float_layers, 'LABEL_DAMAGE', 0.05)
    monkeypatch.setattr(float_layers, 'SCORE_DAMAGE', 0.1)
    nodes = [node.name for node in quantizable(model, OUTPUTS)]
    choice = choose_layers(
        model, scales_of(model, pictures), nodes, pictures, ('label', 'anomaly_score'))
    assert choice.quantized == tuple(nodes)
    assert choice.damage.score > 0


def test_limits_that_cannot_be_kept_are_an_error(model, pictures, monkeypatch):
    monkeypatch.setattr(float_layers, 'LABEL_DAMAGE', -1.0)
    nodes = [node.name for node in quantizable(model, OUTPUTS)]
    with pytest.raises(ExportError, match='are not reached with 1 layers in float'):
        choose_layers(model, scales_of(model, pictures), nodes, pictures,
                      ('label', 'anomaly_score'))


def figures(miou, ap, data='streets/val'):
    return {'closed_set': {'data': data, 'miou': miou},
            'anomaly': {'anomalies': {'hybrid': {'ap': ap, 'auroc': 0.9, 'fpr95': 0.2}}}}


@pytest.mark.parametrize(('precision', 'miou', 'ap', 'met'), [
    ('fp16', 0.4995, 0.6995, True), ('fp16', 0.498, 0.7, False), ('fp16', 0.6, 0.698, False),
    ('int8', 0.492, 0.685, True), ('int8', 0.489, 0.7, False), ('int8', 0.5, 0.679, False)])
def test_bars(precision, miou, ap, met):
    loss = against(figures(0.5, 0.7), figures(miou, ap), precision)
    assert loss['met'] is met
    assert loss['miou'] == pytest.approx(miou - 0.5)
    assert loss['anomaly']['anomalies']['ap'] == pytest.approx(ap - 0.7)


@pytest.fixture
def exported(make_toy_model, toy_config, tmp_path):
    """An fp32 model, and the configuration of its training."""
    config = tmp_path / 'toy.yaml'
    config.write_text(yaml.safe_dump(toy_config))
    return make_toy_model(tmp_path / 'model'), config


@pytest.fixture
def make_toy_model():
    def make(folder, **fields):
        folder.mkdir()
        onnx.save(precision_graph(HEIGHT, WIDTH, 'fp32', classes=19), folder / 'toy.onnx')
        names_and_colors = zip(CITYSCAPES.names, CITYSCAPES.colors, strict=True)
        return write_manifest(folder / 'toy.json', {
            'format': 1, 'name': 'toy', 'file': 'toy.onnx',
            'input': {'name': 'image', 'height': HEIGHT, 'width': WIDTH, 'layout': 'NHWC',
                      'color': 'rgb', 'dtype': 'uint8'},
            'outputs': {'label': 'label', 'anomaly_score': 'anomaly_score'},
            'classes': [{'id': i, 'name': name, 'color': list(color)}
                        for i, (name, color) in enumerate(names_and_colors)],
            'unknown': {'id': 19, 'name': 'unknown', 'color': [255, 255, 255]},
            'score': {'name': 'hybrid', 'definition': 'd', 'resolution': 'r'},
            'default_operating_point': 'fpr1',
            'operating_points': {'fpr1': {'threshold': 0.0, 'target': 't', 'data': 'd',
                                          'tpr': None, 'fpr': 0.01}},
            'precision': 'fp32', 'metrics': figures(0.5, 0.7),
            'provenance': {'training_commit': 'abc', 'config': 'toy', 'steps': 1, 'init': None,
                           'date': '2026-11-25', 'data': ['toy'], 'licence': 'toy',
                           'command': 'make'}, **fields}).path

    return make


def test_a_variant_that_misses_its_bar_is_told(
        exported, toy_data, monkeypatch, capsys):
    monkeypatch.setitem(BARS, 'fp16', PrecisionBar(miou=-0.5, ap=-0.5))
    assert quantize_toy(exported, toy_data, '--precision', 'fp16') == 0
    assert 'warning: fp16 misses its bar, at most -50 points of mIoU' in capsys.readouterr().err
    assert '**missed**' in exported[0].with_name('toy.fp16.md').read_text()


def quantize_toy(exported, toy_data, *extra):
    path, config = exported
    return main(['quantize', str(path), '--config', str(config), '--data', str(toy_data), *extra])


def test_variants_are_whole_models_beside_the_first(
        exported, toy_data, monkeypatch, capsys):
    monkeypatch.setattr(float_layers, 'LABEL_DAMAGE', 0.2)
    monkeypatch.setattr(float_layers, 'SCORE_DAMAGE', 0.3)
    assert quantize_toy(exported, toy_data) == 0
    folder = exported[0].parent
    assert sorted(p.name for p in folder.iterdir()) == [
        'toy.fp16.json', 'toy.fp16.md', 'toy.fp16.onnx', 'toy.int8.json', 'toy.int8.md',
        'toy.int8.onnx', 'toy.json', 'toy.onnx']
    base = load_manifest(folder)
    assert base.path == exported[0]
    for precision in ('fp16', 'int8'):
        variant = load_manifest(folder, precision=precision)
        assert variant.precision == precision
        assert {'fpr0.1', 'fpr1', 'fpr5', 'tpr95_anomalies'} == set(variant.operating_points)
        assert variant.metrics['parity']['reference'] == 'toy (fp32)'
        assert variant.metrics['closed_set']['data'] == 'streets/val'
        assert variant.provenance['derived']['sha256'] == base.sha256
        assert variant.provenance['licence'] == 'toy'
        card = variant.path.with_suffix('.md').read_text()
        assert 'How it was made' in card
        assert 'The graph against toy (fp32)' in card
    assert 'streets/train' in load_manifest(folder, precision='int8').provenance[
        'derived']['calibration']
    shown = capsys.readouterr()
    assert 'fp16 against fp32: mIoU ' in shown.out
    # Compared with what fp32 reaches on these pictures, not with what its manifest claims.
    assert abs(load_manifest(folder, precision='fp16').metrics['against_fp32']['miou']) < 0.01


def test_one_variant_does_not_take_the_other_away(exported, toy_data):
    assert quantize_toy(exported, toy_data, '--precision', 'fp16') == 0
    document = json.loads(exported[0].read_text())
    shutil.copy(exported[0].with_name('toy.fp16.json'), exported[0].with_name('other.json'))
    document['variants'] = {'int8': 'other.json', **document['variants']}
    write_manifest(exported[0], document)
    assert quantize_toy(exported, toy_data, '--precision', 'fp16') == 0
    assert set(load_manifest(exported[0]).variants) == {'fp16', 'int8'}


def test_what_fails_leaves_the_model_as_it_was(exported, toy_data, monkeypatch, capsys):
    monkeypatch.setattr(float_layers, 'LABEL_DAMAGE', -1.0)
    before = {path.name: path.read_bytes() for path in exported[0].parent.iterdir()}
    assert quantize_toy(exported, toy_data, '--precision', 'fp16,int8') == 1
    assert {path.name: path.read_bytes() for path in exported[0].parent.iterdir()} == before
    assert 'layers in float' in capsys.readouterr().err


@pytest.mark.parametrize(('fields', 'words'), [
    ({'precision': 'fp16'}, 'is fp16; variants are made from the fp32 model'),
    ({'classes': [{'id': i, 'name': f'class {i}', 'color': [0, 0, 0]} for i in range(19)]},
     'has other classes')])
def test_models_that_cannot_be_quantised_are_named(
        make_toy_model, toy_config, toy_data, tmp_path, capsys, fields, words):
    config = tmp_path / 'toy.yaml'
    config.write_text(yaml.safe_dump(toy_config))
    model = make_toy_model(tmp_path / 'model', **fields)
    assert quantize_toy((model, config), toy_data) == 1
    assert words in capsys.readouterr().err


def test_the_first_models_card_has_its_variants_beside(exported, toy_data):
    assert quantize_toy(exported, toy_data, '--precision', 'fp16') == 0
    documents = [json.loads(exported[0].with_name(name).read_text())
                 for name in ('toy.json', 'toy.fp16.json')]
    documents[0]['metrics'] = {**documents[0]['metrics'], **{
        'closed_set': documents[1]['metrics']['closed_set'],
        'parity': {'images': 1, 'label_agreement': 1.0, 'score_difference': 0.0}}}
    card = model_card(documents[0], documents[1:], megabytes=1.0)
    assert '| fp16 | ' in card
    assert 'How it was made' not in card
    assert 'on not recorded' in card  # the toy's manifest does not say what network it is
