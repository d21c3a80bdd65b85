# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""Declaration of the parameters, and what happens when one is set."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from hybrid_perception.exceptions import ParameterError
from hybrid_perception.ros.graph import printable
from hybrid_perception.ros.parameters import ENTRIES, TABLE, Entry, NodeParameters, type_parameters

QOS_OVERRIDES = 'qos_overrides.'

Accept = Callable[[NodeParameters], None]


class ParameterServer:
    """The node's parameters, valid at any time.

    An override that cannot be (from a parameter file or the command line) leaves the default in
    place and is remembered, so that the node comes up, can say what is wrong, and does not
    configure.

    Attributes:
        values: the parameters as they are.
        refused: by name, what is wrong with the overrides that were refused.
    """

    values: NodeParameters

    def __init__(self, node: Node, accept: Accept) -> None:
        """Declare every parameter of the table.

        Args:
            node: the node that has them.
            accept: called with the values to be whenever some are set later; takes them over, or
                raises ParameterError to refuse them.
        """
        self._node = node
        self._accept = accept
        self.refused: dict[str, str] = {}
        node.add_on_set_parameters_callback(self._check)
        for entry in TABLE:
            self._declare(entry)
        self.values = self._read({})
        node.remove_on_set_parameters_callback(self._check)
        node.add_on_set_parameters_callback(self._take_over)

    def raise_refused(self) -> None:
        """Raise ParameterError if an override was refused and has not been mended since."""
        if self.refused:
            raise ParameterError('; '.join(self.refused.values()))

    def unknown(self, *, qos: bool) -> list[str]:
        """Say for each override that no parameter takes which name may have been meant.

        Args:
            qos: whether to look at the QoS of topics too: once all topics are there.
        """
        # rclpy tells in no other way what it was given and nobody declared.
        given = sorted(getattr(self._node, '_parameter_overrides', {}))
        unknown = [name for name in given if not self._node.has_parameter(name)
                   and (qos or not name.startswith(QOS_OVERRIDES))]
        topics = self._node.get_parameters_by_prefix(QOS_OVERRIDES[:-1])
        known = [*ENTRIES, *(QOS_OVERRIDES + name for name in topics)]
        words = []
        for name in unknown:
            near = get_close_matches(name, known, 1)
            words.append(f'parameter {printable(name)} is unknown and ignored'
                         + (f'; {near[0]} is near' if near else ''))
        return words

    def _declare(self, entry: Entry) -> None:
        try:
            self._node.declare_parameter(entry.name, entry.default, entry.descriptor())
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            self._node.declare_parameter(
                entry.name, entry.default, entry.descriptor(), ignore_override=True)
            self.refused[entry.name] = f'parameter {entry.name}: {error}; right: {right(entry)}'

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            for parameter in parameters:
                if parameter.name in ENTRIES:
                    ENTRIES[parameter.name].check(parameter.value)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _take_over(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = {parameter.name: parameter for parameter in parameters
                   if parameter.name in ENTRIES}
        result = self._check(parameters)
        if not changes or not result.successful:
            return result
        values = self._read(changes)
        try:
            self._accept(values)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.values = values
        for name in changes:
            self.refused.pop(name, None)
        return result

    def _read(self, changes: dict[str, Parameter]) -> NodeParameters:
        return type_parameters({
            name: (changes.get(name) or self._node.get_parameter(name)).value
            for name in ENTRIES})


def right(entry: Entry) -> str:
    """Say in words what values a parameter takes."""
    kind = {bool: 'true or false', int: 'an integer', float: 'a float, with a dot (1.0, not 1)',
            str: 'a string', list: 'a list of floats, with dots'}[type(entry.default)]
    return f'{kind}, {entry.constraint}' if entry.constraint else kind
