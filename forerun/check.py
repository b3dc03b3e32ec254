"""Prove that what runs on this machine is what was trained: every file of a bundle, its signature, and every gate measured again here.

Nothing is loaded before manifest, signature, hashes and fit to the robot are good. Then each artefact of the bundle, and TensorRT engines
where they were built, must reproduce torch's outputs in parity.npz; and on the bundle's held-out frames each is compared with its fp32
artefact (fp16 where it has none) on this machine's processor, which has just shown that it computes what torch does. The action gets the
tokens of the foresight beside it, as in the runtime. Without --closed-loop nothing is played.

Exit status: 0 where everything that is ready passes, or what was asked for with --precision; 1 where anything does not."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from forerun.defaults import SIMULATED_ROBOT
from interfaces.bundle_artefact import Precision
from interfaces.errors import BundleError, ConfigError, ForerunError, RefusedError, UnfitError

if TYPE_CHECKING:
    from export.gates.recheck import Finding
    from forerun.checking import WholeBundle
    from interfaces.bundle_manifest import BundleManifest
    from runtime.bundles.signature import TrustedKeys
    from runtime.policy.inference_choice import Inference

_TENSORRT = "tensorrt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument(
        "--precision", nargs="+", choices=(*get_args(Precision), _TENSORRT), metavar="P",
        help=f"only these of {', '.join(get_args(Precision))}, or the {_TENSORRT} engines that were built here; default all",
    )  # fmt: skip
    parser.add_argument(
        "--robot", type=Path, metavar="FILE", help="robot file; default the installed robot's, else the simulated one"
    )
    parser.add_argument("--closed-loop", action="store_true", help="play every task in the simulator, too")
    parser.add_argument("--seeds", type=int, default=100, help="episodes a task in the closed loop; default 100")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the closed loop")
    parser.add_argument(
        "--require-signature", action="store_true", help="refuse a bundle that no trusted key has signed"
    )
    parser.add_argument("--trusted-keys", type=Path, metavar="DIR", help="default /etc/forerun/trusted-keys")


def run(arguments: argparse.Namespace) -> int:
    """Check, and print the table."""
    from export.gates.recheck import sound

    try:
        whole = _whole_bundle(arguments)
        findings = _findings(arguments, whole)
    except UnfitError as error:
        print(f"forerun check: {error}; --robot FILE tells of another robot", file=sys.stderr)
        return 1
    except ForerunError as error:
        print(f"forerun check: {error}", file=sys.stderr)
        return 1
    good = sound(findings if arguments.precision else _counted(findings, whole.manifest))
    print(f"{whole.manifest.name}: {'every gate that was measured here is passed' if good else 'NOT GOOD'}")
    return 0 if good else 1


def _counted(findings: dict[str, tuple[Finding, ...]], manifest: BundleManifest) -> dict[str, tuple[Finding, ...]]:
    """Return the findings of what may run, as far as this machine has what it takes to judge it."""
    may_run = {*(one.precision for one in manifest.artefacts if one.ready), _TENSORRT}
    measured = {name for name, of_one in findings.items() if any(finding.outcome != "skipped" for finding in of_one)}
    return {name: of_one for name, of_one in findings.items() if name in may_run & measured}


def _whole_bundle(arguments: argparse.Namespace) -> WholeBundle:
    """Return the bundle after all that can be checked without loading it, saying each."""
    from forerun.checking import WholeBundle
    from interfaces.bundle_manifest import MANIFEST_FILE, bundle_files, check_fits, parse_manifest
    from interfaces.graph_contract import check_contract
    from interfaces.robot_config import load_robot
    from runtime.bundles.signature import check_signature, read_signed
    from runtime.policy.bundle import require_nothing_else, verify_files

    folder: Path = arguments.bundle
    data, signature = read_signed(folder)
    _say("signature", check_signature(str(folder), data, signature, _trusted_keys(arguments)))
    manifest = parse_manifest(data, str(folder / MANIFEST_FILE))
    files = bundle_files(manifest)
    try:
        require_nothing_else(folder, manifest)
        verify_files(folder, manifest)
    except OSError as error:
        raise BundleError(f"{folder}: {error.strerror}") from error
    _say("files", f"all {len(files)} are what the manifest says, and there is no other")
    robot_file = _robot_file(arguments)
    robot = load_robot(robot_file)
    check_fits(manifest, robot)
    check_contract(manifest)
    _say(
        "contract", f"fits robot {robot.name}: {len(manifest.joints)} joints, {len(manifest.instructions)} instructions"
    )
    return WholeBundle(folder, manifest, robot_file, robot)


def _trusted_keys(arguments: argparse.Namespace) -> TrustedKeys:
    from interfaces.installed import Installation
    from runtime.bundles.signature import read_trusted_keys

    keys = read_trusted_keys(arguments.trusted_keys or Installation().trusted_keys)
    if arguments.require_signature and not keys.by_id:
        raise RefusedError(f"--require-signature: {keys.folder} holds no *.pub, so nobody's signature could be trusted")
    return keys


def _robot_file(arguments: argparse.Namespace) -> Path:
    from interfaces.installed import Installation

    installed = Installation().robot_file
    return arguments.robot or (installed if installed.is_file() else SIMULATED_ROBOT)


def _findings(arguments: argparse.Namespace, whole: WholeBundle) -> dict[str, tuple[Finding, ...]]:
    """Return what was found of each artefact, printed as it is found."""
    import tempfile

    from forerun.check_tables import print_findings, print_joints
    from forerun.checking import Checker, ClosedLoop

    closed_loop = ClosedLoop(n_seeds=arguments.seeds, workers=arguments.workers) if arguments.closed_loop else None
    findings: dict[str, tuple[Finding, ...]] = {}
    with tempfile.TemporaryDirectory(prefix="forerun-check-") as scratch:
        checker = Checker(whole, closed_loop, Path(scratch))
        for inference in _asked(arguments, whole.manifest):
            findings[inference] = checker.check(inference)
    print_findings(whole.manifest, findings, checker.notes)
    print_joints(checker.figures)
    return findings


def _asked(arguments: argparse.Namespace, manifest: BundleManifest) -> tuple[Inference, ...]:
    """Return what to check; raises BundleError where something is asked for that the bundle does not have."""
    if arguments.precision:
        for precision in arguments.precision:
            if precision != _TENSORRT:
                manifest.artefact(precision)
        return tuple(dict.fromkeys(arguments.precision))
    every: list[Inference] = [artefact.precision for artefact in manifest.artefacts]
    if _engines_were_built(manifest):
        every.append("tensorrt")
    return tuple(every)


def _engines_were_built(manifest: BundleManifest) -> bool:
    from runtime.policy.inference_choice import find_engines
    from runtime.tensorrt.probe import Missing, probe

    gpu = probe()
    try:
        return not isinstance(gpu, Missing) and find_engines(manifest, gpu) is not None
    except (BundleError, ConfigError):
        return True  # there, and not to be believed: opening them says why


def _say(what: str, line: str) -> None:
    print(f"{what:<10} {line}", flush=True)
