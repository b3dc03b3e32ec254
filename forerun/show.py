"""Pictures of what is inside a policy, for people: forerun show WHAT ...; WHAT --help tells more."""

from __future__ import annotations

import argparse
import importlib

# what -> (module with add_arguments and run, what it is for)
SHOWN = {"foresight": ("forerun.show_foresight", "what a policy foresees, beside what then really happened")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be shown; the options of each follow its name."""
    parser.epilog = "\n".join(("WHAT:", *(f"  {what:<10} {purpose}" for what, (_, purpose) in SHOWN.items())))
    parser.add_argument("what", choices=[*SHOWN], metavar="WHAT", help="one of those below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="its own options")


def run(arguments: argparse.Namespace) -> int:
    """Show one thing."""
    what: str = arguments.what
    shown = importlib.import_module(SHOWN[what][0])
    parser = argparse.ArgumentParser(
        prog=f"forerun show {what}", description=shown.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shown.add_arguments(parser)
    return int(shown.run(parser.parse_args(arguments.rest)))
