"""Print an arm's links, from its URDF, as the table [chain] of a robot file: hand-eye calibration needs to know where the hand is.

Joints count as in the URDF: compare an angle or two with `forerun calibrate status`, or with a protractor, before you trust it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from calibration.geometry.urdf import chain_from_urdf
from interfaces.chain_config import ChainConfig
from interfaces.errors import ConfigError
from interfaces.toml_writer import to_toml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("urdf", type=Path, help="URDF file; a xacro file is expanded first, by xacro")
    parser.add_argument("--base", required=True, metavar="LINK", help="link that stands on the table")
    parser.add_argument("--tip", required=True, metavar="LINK", help="link between the fingers, or the hand")
    parser.add_argument(
        "--joint",
        action="append",
        default=[],
        metavar="URDF=ROBOT",
        help="a joint's name in the URDF, and in the robot file, where they differ; may be given again",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    path: Path = arguments.urdf
    names = dict(_pair(text) for text in arguments.joint)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "file", str(error), "a readable URDF file in UTF-8") from error
    chain = chain_from_urdf(text, str(path), base=arguments.base, tip=arguments.tip, names=names)
    sys.stdout.write(f"# From {path.name}, {arguments.base} to {arguments.tip}.\n{chain_table(chain)}")
    return 0


def chain_table(chain: ChainConfig) -> str:
    """Return a chain as a robot file has it: a line of numbers a link."""
    lines = ["[chain]", f"tip_m = {_row(chain.tip_m)}"]
    for link in chain.links:
        lines += ["", "[[chain.links]]", *to_toml(link).splitlines()]
    return "\n".join(lines) + "\n"


def _row(values: tuple[float, ...]) -> str:
    return f"[{', '.join(map(repr, values))}]"


def _pair(text: str) -> tuple[str, str]:
    urdf, equals, robot = text.partition("=")
    if not (urdf and equals and robot):
        raise ConfigError("command line", "--joint", text, "URDF=ROBOT, as --joint joint1=shoulder_pan")
    return urdf, robot
