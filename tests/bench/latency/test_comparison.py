"""A bundle is compared on its own inputs, whole, and with the memory of each contender in a process of its own."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.latency.comparison import compare, field_of
from bench.latency.engines import open_graph
from bench.latency.inputs import rows_by_graph
from bench.latency.picture import draw_latencies
from bench.latency.report import as_json, latency_table, memory_key
from interfaces.bundle_artefact import HashedFile
from interfaces.bundle_manifest import load_manifest
from interfaces.errors import BundleError
from interfaces.sample_file import write_samples

TINY = Path(__file__).parents[2] / "data/tiny_bundle"


def test_every_contender_is_measured_and_its_memory_too(tmp_path: Path) -> None:
    field = field_of(TINY, None, threads=1)
    found = compare(field, runs=20)
    assert found.troubles == ()
    names = ["forerun", "ONNX Runtime, as it comes", "ONNX Runtime, threads 1"]
    assert [(each.contender.graph, each.contender.name) for each in found.measured] == [
        *(("foresight", name) for name in names),
        *(("action", name) for name in names),
    ]
    for each in found.measured:
        assert 0 < each.p50_ms <= each.p99_ms <= each.max_ms
        assert 100_000 < found.memory[memory_key(each.contender)] < 200e6  # a session takes some, and no library
    assert latency_table("tiny", found.measured, found.memory).row_count == len(found.measured)
    told = json.loads(json.dumps(as_json(found.measured, found.memory, found.surroundings, {"threads": 1})))
    assert [row["runs"] for row in told["rows"]] == [20] * 6
    assert told["surroundings"]["cores"] >= 1
    assert "cores; load" in found.surroundings.words
    draw_latencies("tiny", found.measured, tmp_path / "latency.png")
    with Image.open(tmp_path / "latency.png") as picture:
        colours = picture.convert("RGB").getcolors(picture.width * picture.height) or []
    assert {(0x0B, 0x6E, 0x4F), (0x3D, 0x5A, 0x80)} <= {colour for _, colour in colours}  # forerun's and ONNX Runtime's


def test_a_bundle_that_is_not_whole_is_not_measured(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    graph = load_manifest(folder).artefact("fp32").action.file
    (folder / graph).write_bytes((folder / graph).read_bytes() + b"x")
    with pytest.raises(BundleError, match=f"{graph}: its sha256 is"):
        field_of(folder, None, threads=1)


def test_a_precision_that_the_bundle_has_not_is_refused() -> None:
    with pytest.raises(BundleError, match="bundle tiny has no cpu-int8 artefact, only fp32"):
        field_of(TINY, ["cpu-int8"], threads=1)


def test_parity_samples_are_the_inputs_where_nothing_was_held_out() -> None:
    manifest = load_manifest(TINY)
    rows = rows_by_graph(TINY, manifest, open_graph(TINY, manifest, "fp32", "foresight", 1))
    with np.load(TINY / manifest.parity.file) as parity:
        assert [float(row["foresight_age"]) for row in rows["action"]] == list(parity["action/foresight_age"])
        np.testing.assert_array_equal(rows["foresight"][1]["front"], parity["foresight/front"][1])


def test_held_out_frames_are_the_inputs_where_there_are_some(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    manifest = load_manifest(folder)
    with np.load(TINY / manifest.parity.file) as parity:
        samples = {
            name: np.repeat(parity[key], 3, axis=0)
            for key in parity.files
            if (name := key.partition("/")[2]) not in {"tokens", "positions"}
        }
        tokens = parity["action/tokens"]
    write_samples(folder / "heldout.npz", samples)
    digest = _sha256(folder / "heldout.npz")
    manifest = replace(manifest, heldout=HashedFile(file="heldout.npz", sha256=digest))
    rows = rows_by_graph(folder, manifest, open_graph(folder, manifest, "fp32", "foresight", 1))
    assert {graph: len(of_graph) for graph, of_graph in rows.items()} == {"foresight": 6, "action": 6}
    np.testing.assert_allclose([row["tokens"] for row in rows["action"]], np.repeat(tokens, 3, axis=0), atol=1e-5)


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()
