"""Say whether TensorRT 10.3 takes a graph.

python -m export.tensorrt_rules FILE.onnx ...

Exit status 1 when one is refused, 2 when one cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from export.tensorrt_rules.check import check_file
from interfaces.errors import BundleError


def main(arguments: list[str] | None = None) -> int:
    """Print what is wrong with each file, a line a finding, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m export.tensorrt_rules", description="What TensorRT 10.3 accepts.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.onnx")
    refused = False
    for path in parser.parse_args(arguments).files:
        try:
            findings = check_file(path)
        except BundleError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        refused = refused or bool(findings)
        sys.stdout.write(f"{path}: {'refused' if findings else 'accepted'}\n")
        sys.stdout.writelines(f"  {finding}\n" for finding in findings)
    return int(refused)


if __name__ == "__main__":
    sys.exit(main())
