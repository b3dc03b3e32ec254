"""Turn a finished run of `forerun distill` into a bundle: ONNX graphs, checked against torch, with manifest and parity samples."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", type=Path, help="folder of the run, with policy.pt and samples.npz")
    parser.add_argument(
        "bundle", type=Path, help="folder of the bundle to write, for example robots/bundles/so101-small"
    )
    parser.add_argument("--trained-on", default="", help="a line about data and training, for the manifest")


def run(arguments: argparse.Namespace) -> int:
    """Export, and say what was written."""
    from export.bundle_writer import write_bundle
    from export.policy_source import load_source
    from export.provenance import provenance_of_this_tree

    for name in ("policy.pt", "samples.npz"):
        if not (arguments.run / name).is_file():
            print(f"forerun export: {arguments.run / name} is missing; `forerun distill` makes it")
            return 2
    print("exporting, and checking ONNX against torch ...")
    command = f"forerun export {arguments.run} {arguments.bundle}"
    policy = load_source(str(arguments.run))
    manifest = write_bundle(policy, provenance_of_this_tree(command, arguments.trained_on), arguments.bundle)
    for path in sorted(arguments.bundle.iterdir()):
        print(f"  {path.name:<16} {path.stat().st_size / 1e6:6.2f} MB")
    print(f"wrote {arguments.bundle}: {', '.join(manifest.instructions)} for {len(manifest.joints)} joints")
    return 0
