"""The `forerun` command: one sub-command a file, imported only when it is called, so that help is instant and a robot needs no torch."""

from __future__ import annotations

import argparse
import importlib
import sys

from interfaces.errors import ForerunError

# name -> what it is for; `forerun/<name>.py` has add_arguments(parser) and run(arguments) -> exit status.
# A name of two words is one of the first word's commands with options of its own: "eval metaworld" is forerun/eval_metaworld.py.
COMMANDS = {
    "demo": "run the closed loop on the simulated robot in real time, and show what happened",
    "eval": "measure success over many seeds, in lockstep on a virtual clock, on all cores",
    "eval metaworld": "the same on Meta-World's tasks",
    "run": "run a robot: policy, command process and recorder, with one line that shows how they are",
    "status": "say in a few lines what the robot is doing, how well, and what went wrong last",
    "top": "the same, live in the terminal",
    "start": "start an installed robot, also out of its safe state",
    "stop": "stop an installed robot in order: brake, hold, and release where its file says so",
    "follow": "tell a running robot which instruction to follow, or none",
    "estop": "stop a running robot at once",
    "clear": "clear a fault or an emergency stop of a running robot",
    "doctor": "say whether this machine is fit to move a robot in time, and what to do where it is not",
    "selftest": "test an installation before it is used; install.sh does that by itself",
    "devices": "list cameras, servos and motors; draft a robot file from them; give a servo its id",
    "calibrate": "measure what is so with one robot: joints, camera, delays; guided, each writes a record",
    "bundle": "install, list, activate and roll back the policies of an installed robot",
    "page": "the status page and the metrics of one robot, on this machine only",
    "camera": "record a RealSense into a file, or play one through the driver: the same frames every time",
    "policy": "the policy process: camera and inference of one robot",
    "command": "the command process: the bus of one robot",
    "world": "the simulated robot: physics, servo bus and camera",
    "record": "the recorder process: writes the flight record of one robot, and shows it live on request",
    "replay": "decide again what a flight record says was decided, and compare command by command",
    "report": "one page about a flight record: timing, ages, tracking, states, and the worst moments with their pictures",
    "distill": "train a policy by a recipe",
    "show foresight": "pictures of what a policy foresees, beside what then happened",
    "imagine": "the future a policy expects for given actions, and the actions it reads out of a video, against the truth",
    "study": "compare policies that differ in one thing each: train them from one finished run, and try them all",
    "export": "turn a trained policy into a bundle",
    "build": "build the TensorRT engines of a bundle on the robot, and keep the fastest that pass",
    "check": "prove on this machine that what runs is what was trained: every file, signature and gate of a bundle",
    "frames": "gather real inputs of a policy: to quantise with, and to judge by",
    "bench": "how long a policy takes: on this machine, against others; on a Jetson that is not at hand, by its roofline",
}


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command; return its exit status: 0 good, 1 failed, 2 refused what it was given, 130 interrupted."""
    arguments = sys.argv[1:] if argv is None else argv
    n_words = 2 if " ".join(arguments[:2]) in COMMANDS else 1
    name = " ".join(arguments[:n_words]) or "--help"
    if name not in COMMANDS:
        return _help(name)
    command = importlib.import_module(f"forerun.{name.replace(' ', '_')}")
    parser = argparse.ArgumentParser(
        prog=f"forerun {name}", description=command.__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    command.add_arguments(parser)
    try:
        return int(command.run(parser.parse_args(arguments[n_words:])))
    except ForerunError as error:
        print(f"forerun {name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nforerun {name}: interrupted", file=sys.stderr)
        return 130


def _help(name: str) -> int:
    asked = name in {"-h", "--help", "help"}
    lines = ["usage: forerun COMMAND [options]      forerun COMMAND --help tells more", ""]
    lines += [f"  {command:<15} {purpose}" for command, purpose in COMMANDS.items()]
    if not asked:
        lines = [f"forerun: there is no command {name!r}", "", *lines]
    print("\n".join(lines), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())
