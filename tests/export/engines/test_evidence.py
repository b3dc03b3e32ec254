"""What engines are judged on is what the bundle says, checked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from export.engines.candidates import BundleSource
from export.engines.evidence import Evidence
from interfaces.errors import ConfigError

Gathered = Callable[[BundleSource], Evidence]


def test_references_are_what_the_fp32_graphs_compute(evidence: Evidence, samples: dict[str, Any]) -> None:
    assert evidence.reference is not None
    np.testing.assert_allclose(evidence.reference.tokens, samples["tokens"], atol=1e-5)


def test_a_parity_file_that_is_not_the_graphs_is_refused(source: BundleSource, gathered: Gathered) -> None:
    with np.load(source.folder / "parity.npz") as arrays:
        kept_arrays = {name: arrays[name] for name in arrays.files}
    for change, complaint in (
        ({"action/joints": None}, "action/joints is 'missing'; expected float32"),
        ({"action/joints": kept_arrays["action/joints"][:, :1]}, r"action/joints is 'float32 \(4, 1\)'"),
        ({"action/joints": kept_arrays["action/joints"][:2]}, r"samples is \[2, 4\]"),
    ):
        changed = {name: array for name, array in {**kept_arrays, **change}.items() if array is not None}
        np.savez(source.folder / "parity.npz", allow_pickle=False, **changed)
        with pytest.raises(ConfigError, match=complaint):
            gathered(source)


def test_fp16_is_the_reference_where_there_is_no_fp32(source: BundleSource, gathered: Gathered) -> None:
    artefacts = tuple(one for one in source.manifest.artefacts if one.precision != "fp32")
    found = gathered(BundleSource(source.folder, replace(source.manifest, artefacts=artefacts)))
    exact = gathered(source).reference
    assert found.reference is not None
    assert exact is not None
    assert 0.0 < np.abs(found.reference.positions - exact.positions).max() < 0.01


def test_without_graphs_in_floats_there_is_no_reference(source: BundleSource, gathered: Gathered) -> None:
    artefacts = tuple(one for one in source.manifest.artefacts if one.precision not in {"fp32", "fp16"})
    found = gathered(BundleSource(source.folder, replace(source.manifest, artefacts=artefacts)))
    assert (found.reference, found.why_none) == (None, "the bundle has neither fp32 nor fp16 graphs")
    assert set(found.inputs("action")) == {"tokens", "joints", "foresight_age", "noise"}


def test_held_out_frames_that_do_not_fit_are_refused(source: BundleSource, gathered: Gathered) -> None:
    (source.folder / "heldout.npz").write_bytes((source.folder / "parity.npz").read_bytes())
    with pytest.raises(ConfigError, match=r"heldout\.npz"):
        gathered(source)
