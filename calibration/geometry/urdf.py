"""An arm's chain out of its URDF: the joints between a base link and a tip link, as the robot file has them.

Fixed joints are folded into the link after them; those behind the last turning joint say where the tip is. Angles are those of
the URDF: the robot file's home must make the motors count as it does. Reference: the URDF specification, wiki.ros.org/urdf/XML.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.parsers import expat

import numpy as np

from calibration.geometry.transforms import Array, Transform, quaternion_of, rotation_about, transform
from interfaces.chain_config import ChainConfig, ChainLink
from interfaces.errors import ConfigError

TURNING = ("revolute", "continuous")
_DIGITS = 12  # of metres and unit vectors: what lies behind is what the arithmetic left


def chain_from_urdf(
    text: str, file: str, *, base: str, tip: str, names: Mapping[str, str] | None = None
) -> ChainConfig:
    """Return the chain between two links; `names` gives the robot file's names of joints that it calls otherwise.

    Raises ConfigError for what is no URDF, links that no chain connects, and joints on the way that slide.
    """
    joints = _joints(text, file)
    way = _way(joints, file, base, tip)
    links: list[ChainLink] = []
    pending = np.eye(4)  # fixed joints since the last turning one
    for joint in way:
        kind, name = joint.get("type", ""), joint.get("name", "")
        pending = pending @ _origin(joint, file)
        if kind == "fixed":
            continue
        if kind not in TURNING or joint.find("mimic") is not None:
            moved = "mimic" if kind in TURNING else kind
            raise ConfigError(file, f"joint {name}", moved, f"joints that turn by themselves between {base} and {tip}")
        links.append(chain_link((names or {}).get(name, name), pending, _axis(joint, file)))
        pending = np.eye(4)
    if not links:
        raise ConfigError(file, "joints", None, f"a turning joint between {base} and {tip}")
    return ChainConfig(links=tuple(links), tip_m=_numbers(pending[:3, 3]))


def chain_link(joint: str, parent_from_joint: Transform, axis: Array) -> ChainLink:
    """Return one link with numbers fit to be read."""
    return ChainLink(
        joint=joint,
        translation_m=_numbers(parent_from_joint[:3, 3]),
        rotation_wxyz=_numbers(np.array(quaternion_of(parent_from_joint[:3, :3]))),
        axis=_numbers(axis / np.linalg.norm(axis)),
    )


def _numbers(values: Array) -> tuple[float, ...]:
    return tuple(round(float(value), _DIGITS) + 0.0 for value in values)  # + 0.0: no minus before zero


def _joints(text: str, file: str) -> list[ElementTree.Element]:
    """Return the joints of a URDF; a document that defines entities is refused before anything is expanded."""
    guard = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise ConfigError(file, "DOCTYPE", "a document type", "a URDF without one; xacro files are expanded first")

    guard.StartDoctypeDeclHandler = guard.EntityDeclHandler = refuse
    try:
        guard.Parse(text.encode(), True)  # noqa: FBT003 - expat's own signature
        root = ElementTree.fromstring(text.encode())
    except (expat.ExpatError, ElementTree.ParseError) as error:
        raise ConfigError(file, "file", str(error), "a URDF, which is XML") from error
    if root.tag != "robot":
        raise ConfigError(file, "root", root.tag, "robot")
    return root.findall("joint")


def _way(joints: list[ElementTree.Element], file: str, base: str, tip: str) -> list[ElementTree.Element]:
    """Return the joints from `base` to `tip`, in this order."""
    by_child = {_link(joint, "child"): joint for joint in joints}
    way: list[ElementTree.Element] = []
    link = tip
    while link != base:
        joint = by_child.get(link)
        if joint is None or joint in way:
            known = sorted({base for joint in joints for base in (_link(joint, "parent"), _link(joint, "child"))})
            raise ConfigError(file, "links", f"{base} .. {tip}", f"two links above one another, of {', '.join(known)}")
        way.append(joint)
        link = _link(joint, "parent")
    return way[::-1]


def _link(joint: ElementTree.Element, which: str) -> str:
    element = joint.find(which)
    return "" if element is None else element.get("link", "")


def _origin(joint: ElementTree.Element, file: str) -> Transform:
    origin = joint.find("origin")
    if origin is None:
        return np.eye(4)
    roll, pitch, yaw = _vector(origin, "rpy", "0 0 0", file)
    turns = [rotation_about(np.array(turn)) for turn in ((0, 0, yaw), (0, pitch, 0), (roll, 0, 0))]
    return transform(turns[0] @ turns[1] @ turns[2], _vector(origin, "xyz", "0 0 0", file))


def _axis(joint: ElementTree.Element, file: str) -> Array:
    element = joint.find("axis")
    axis = np.array([1.0, 0.0, 0.0]) if element is None else _vector(element, "xyz", "1 0 0", file)
    if np.linalg.norm(axis) < 1e-6:
        raise ConfigError(file, f"joint {joint.get('name', '')}.axis", axis.tolist(), "a direction")
    return axis


def _vector(element: ElementTree.Element, key: str, default: str, file: str) -> Array:
    words = element.get(key, default).split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != 3 or not all(map(math.isfinite, values)):
        raise ConfigError(file, f"{element.tag}.{key}", " ".join(words), "three numbers")
    return np.array(values)
