# Copyright 2026 The hybrid_perception authors
# SPDX-License-Identifier: Apache-2.0
"""What the ROS graph says about the camera's topic and about other nodes like this one."""

from __future__ import annotations

from dataclasses import dataclass, replace
import time

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from rclpy.topic_endpoint_info import TopicEndpointInfo

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
SUFFIX = '/compressed'
PLAYERS = ('rosbag2_player', 'recording_player')
"""Names of the nodes that play recordings."""

MOST = 4
"""Names that are listed at most."""

LASTING = 2.0
"""Seconds for which there must be two of something that there should be one of."""

LENGTH = 64
"""Characters of a text from outside that are printed at most."""


@dataclass(frozen=True)
class Graph:
    """What matters to one node.

    Attributes:
        publishers: nodes that publish the camera's topic with the type that this node reads.
        crowd: the same where there are several, and have been for `LASTING`.
        wrong_type: nodes that publish it with another type, with that type.
        incompatible: nodes whose QoS does not fit that of the subscription, with the reason.
        elsewhere: topics of images that somebody else publishes.
        other_transport: the camera's topic in the other transport, where somebody publishes it.
        namesakes: other nodes of this node's full name.
        rivals: other perception nodes that read the same topic.
        clocks: publishers of /clock.
    """

    publishers: tuple[str, ...] = ()
    crowd: tuple[str, ...] = ()
    wrong_type: tuple[tuple[str, str], ...] = ()
    incompatible: tuple[tuple[str, str], ...] = ()
    elsewhere: tuple[str, ...] = ()
    other_transport: str = ''
    namesakes: int = 0
    rivals: tuple[str, ...] = ()
    clocks: int = 0


class GraphWatch:
    """Looks at the graph time and again, and believes in doubles only when they last.

    A node that ended or crashed stays in the graph for a while, so its successor would be taken
    for a second one.
    """

    def __init__(self, node: Node, topic: str, *, compressed: bool) -> None:
        """Take note of what to look for.

        Args:
            node: this node.
            topic: the resolved topic of the camera.
            compressed: whether the node reads CompressedImage.
        """
        self._node = node
        self._topic = topic
        self._compressed = compressed
        self._since: dict[str, float] = {}

    def look(self, qos: QoSProfile | None) -> Graph:
        """Look at the graph.

        Args:
            qos: of the subscription; None while there is none.
        """
        graph = _survey(self._node, self._topic, compressed=self._compressed, qos=qos)
        several = graph.publishers if len(graph.publishers) > 1 else ()
        return replace(
            graph, crowd=several if self._lasts('crowd', bool(several)) else (),
            namesakes=graph.namesakes if self._lasts('name', graph.namesakes > 0) else 0,
            rivals=graph.rivals if self._lasts('rivals', bool(graph.rivals)) else ())

    def _lasts(self, what: str, seen: bool) -> bool:
        if not seen:
            self._since.pop(what, None)
            return False
        now = time.monotonic()
        return now - self._since.setdefault(what, now) >= LASTING


def _survey(node: Node, topic: str, *, compressed: bool, qos: QoSProfile | None) -> Graph:
    mine = COMPRESSED if compressed else IMAGE
    own = node.get_fully_qualified_name()
    endpoints = node.get_publishers_info_by_topic(topic)
    fitting = [endpoint for endpoint in endpoints if endpoint.topic_type == mine]
    others = {} if fitting else dict(node.get_topic_names_and_types())
    twin = topic.removesuffix(SUFFIX) if compressed else topic + SUFFIX
    wanted = IMAGE if compressed else COMPRESSED
    published = {name for name, types in others.items()
                 if {IMAGE, COMPRESSED} & set(types) and not name.startswith(f'{own}/')
                 and name != topic and node.count_publishers(name)}
    names = [path(name, space) for name, space in node.get_node_names_and_namespaces()]
    return Graph(
        publishers=tuple(endpoint_name(endpoint) for endpoint in fitting),
        wrong_type=tuple((endpoint_name(endpoint), endpoint.topic_type) for endpoint in endpoints
                         if endpoint.topic_type != mine),
        incompatible=() if qos is None else tuple(
            (endpoint_name(endpoint), reason) for endpoint in fitting
            if (reason := _mismatch(endpoint, qos))),
        elsewhere=tuple(sorted(name for name in published if mine in others[name])),
        other_transport=twin if twin in published and wanted in others[twin] else '',
        namesakes=max(0, names.count(own) - 1),
        rivals=tuple(sorted({
            name for name in map(endpoint_name, node.get_subscriptions_info_by_topic(topic))
            if name != own and node.count_publishers(f'{name}/open_set_label')})),
        clocks=node.count_publishers('/clock'))


def endpoint_name(endpoint: TopicEndpointInfo) -> str:
    """Return the full name of the node of an endpoint."""
    return path(endpoint.node_name, endpoint.node_namespace)


def path(name: str, namespace: str) -> str:
    """Join a node's namespace and name."""
    return f'{namespace.rstrip("/")}/{name}'


def listed(names: tuple[str, ...]) -> str:
    """List names from outside, at most `MOST` of them."""
    shown = [printable(name) for name in names[:MOST]]
    return ', '.join(shown) + (f' and {len(names) - MOST} more' if len(names) > MOST else '')


def printable(text: str) -> str:
    """Return a text from outside as it can be printed: one line, escaped, and not too long."""
    cut = text if len(text) <= LENGTH else text[:LENGTH] + '...'
    return cut.encode('unicode_escape').decode('ascii')


def _mismatch(endpoint: TopicEndpointInfo, qos: QoSProfile) -> str:
    """Say why a subscription cannot hear a publisher; empty where it can, or may."""
    compatibility, reason = qos_check_compatible(endpoint.qos_profile, qos)
    return str(reason).strip() if compatibility == QoSCompatibility.ERROR else ''
