# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Every name that our code takes from TensorRT is in the real bindings of every generation."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from tensorrt_wheels import compile_empty_libraries, run_with, unpack

import hybrid_perception

PACKAGE = Path(hybrid_perception.__file__).parent
SOURCES = [PACKAGE / name for name in (
    'backends/tensorrt_library.py', 'backends/tensorrt_backend.py', 'backends/tensorrt_slot.py',
    'engine/builder.py', 'engine/progress.py')]

# In these files a variable of this name, with or without self._, holds an object of this class.
CLASSES = {
    'builder': 'Builder', 'network': 'INetworkDefinition', 'parser': 'OnnxParser',
    'config': 'IBuilderConfig', 'timing_cache': 'ITimingCache', 'runtime': 'Runtime',
    'engine': 'ICudaEngine', 'context': 'IExecutionContext',
}
RETURNS = {('OnnxParser', 'get_error'): 'ParserError'}

WHEELS = {
    '10.3': ('tensorrt_bindings', 'tensorrt_cu12_bindings-10.3.*.whl'),
    '10.16': ('tensorrt_bindings', 'tensorrt_cu12_bindings-10.16.*.whl'),
    '11.4': ('tensorrt_bindings', 'tensorrt_cu13_bindings-11.4.*.whl'),
    'RTX': ('tensorrt_rtx_bindings', 'tensorrt_rtx_cu13_bindings-1.*.whl'),
}

CHECK = """
import importlib, json, sys
given = json.load(sys.stdin)
trt = importlib.import_module(given['package'])
missing = []
for path, keywords in given['uses']:
    found = trt
    for name in path.split('.'):
        found = getattr(found, name, None)
    if found is None:
        missing.append(path)
    missing += [f'{path}({word}=)' for word in keywords if f'{word}: ' not in found.__doc__]
print(json.dumps({'version': trt.__version__, 'missing': missing}))
"""


def dotted(node: ast.AST) -> str | None:
    """Name the class member, or member of the module, that an expression stands for."""
    if isinstance(node, ast.Call):
        called = dotted(node.func)
        return RETURNS.get(tuple(called.rsplit('.', 1))) if called else None
    if isinstance(node, ast.Name):
        return '' if node.id == 'trt' else CLASSES.get(node.id)
    if not isinstance(node, ast.Attribute):
        return None
    if isinstance(node.value, ast.Name) and node.value.id == 'self':
        return CLASSES.get(node.attr.lstrip('_'))
    owner = dotted(node.value)
    return None if owner is None else f'{owner}.{node.attr}'.lstrip('.')


def uses_in(source: str) -> set[tuple[str, tuple[str, ...]]]:
    """Collect what is taken from TensorRT, with the keywords that calls give."""
    uses = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            path = dotted(node.func)
            words = tuple(sorted(keyword.arg for keyword in node.keywords if keyword.arg))
            if path and '.' in path and words:
                uses.add((path, words))
        elif isinstance(node, ast.Attribute):
            path = dotted(node)
            if path:
                uses.add((path, ()))
        elif isinstance(node, ast.ClassDef):
            uses |= overrides_in(node)
    return uses


def overrides_in(node: ast.ClassDef) -> set[tuple[str, tuple[str, ...]]]:
    """Collect the methods of a TensorRT class that a subclass overrides, with their arguments."""
    bases = [path for base in node.bases if (path := dotted(base))]
    methods = [member for member in node.body if isinstance(member, ast.FunctionDef)]
    return {
        (f'{base}.{method.name}', tuple(argument.arg for argument in method.args.args[1:]))
        for base in bases for method in methods if not method.name.startswith('_')
    }


def our_uses() -> set[tuple[str, tuple[str, ...]]]:
    return set().union(*(uses_in(path.read_text(encoding='utf-8')) for path in SOURCES))


@pytest.fixture(scope='module')
def check(tmp_path_factory):
    """Make a function that looks for names in the bindings of a generation."""
    directory = tmp_path_factory.mktemp('bindings')

    def run(generation: str, uses: Any) -> dict[str, Any]:
        package, pattern = WHEELS[generation]
        bindings = unpack(pattern, directory)
        libraries = compile_empty_libraries(package, directory / package)
        given = json.dumps({'package': package, 'uses': sorted(uses)})
        return json.loads(run_with(CHECK, bindings=bindings, libraries=libraries, given=given))

    return run


def test_the_collector_sees_calls_members_keywords_and_overrides():
    source = """
def build(trt, logger, config):
    builder = trt.Builder(logger)
    config.set_timing_cache(1, ignore_mismatch=True)
    parser.get_error(0).desc()
    if self._engine.num_io_tensors: trt.BuilderFlag.TF32
    class Monitor(trt.IProgressMonitor):
        def step_complete(self, phase_name, step): other.thing()
"""
    assert uses_in(source) == {
        ('Builder', ()), ('IBuilderConfig.set_timing_cache', ()), ('IProgressMonitor', ()),
        ('IBuilderConfig.set_timing_cache', ('ignore_mismatch',)), ('OnnxParser.get_error', ()),
        ('ParserError.desc', ()), ('ICudaEngine', ()), ('ICudaEngine.num_io_tensors', ()),
        ('BuilderFlag', ()), ('BuilderFlag.TF32', ()),
        ('IProgressMonitor.step_complete', ('phase_name', 'step')),
    }


def test_our_code_uses_what_the_collector_should_see():
    paths = {path for path, _ in our_uses()}
    assert {
        'Builder.build_serialized_network', 'Builder.create_network', 'OnnxParser.parse',
        'IBuilderConfig.progress_monitor', 'IBuilderConfig.builder_optimization_level',
        'IExecutionContext.execute_async_v3', 'IExecutionContext.set_tensor_address',
        'ICudaEngine.get_tensor_shape', 'Runtime.deserialize_cuda_engine',
        'ITimingCache.serialize', 'ParserError.desc', 'ILogger.log', 'ILogger.Severity.ERROR',
        'NetworkDefinitionCreationFlag.STRONGLY_TYPED', 'DataType.UINT8', 'TensorIOMode.INPUT',
        'INetworkDefinition.num_layers',
    } <= paths


@pytest.mark.parametrize('generation', WHEELS)
def test_every_name_is_in_every_generation(check, generation):
    found = check(generation, our_uses())
    assert generation == 'RTX' or found['version'].startswith(generation)
    assert found['missing'] == []


@pytest.mark.parametrize(('generation', 'missing'), [
    ('10.3', ['Builder.nonsense']),
    ('11.4', ['Builder.nonsense', 'BuilderFlag.FP16', 'IBuilderConfig.int8_calibrator']),
])
def test_the_check_finds_what_11_removed(check, generation, missing):
    uses = [('Builder.nonsense', ()), ('BuilderFlag.FP16', ()), ('BuilderFlag.TF32', ()),
            ('IBuilderConfig.int8_calibrator', ()), ('Builder.create_network', ('flags',)),
            ('Builder.create_network', ('nonsense',))]
    assert sorted(check(generation, uses)['missing']) == sorted(
        [*missing, 'Builder.create_network(nonsense=)'])
