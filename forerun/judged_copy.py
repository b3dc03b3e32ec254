"""A bundle as a processor can judge what is made for TensorRT: all of it the same, but for how its graphs round.

ONNX Runtime quantises FP16 values toward zero and TensorRT to the nearest integer, so that the graph itself would be judged by
an error that no robot makes (export/quantise/true_rounding.py). The export measured its gates in the same way.
"""

from __future__ import annotations

from pathlib import Path

from interfaces.bundle_manifest import MANIFEST_FILE, BundleManifest, bundle_files
from interfaces.trusted_path import ANY_OWNER, hash_trusted


def make_judged_copy(source: Path, manifest: BundleManifest, folder: Path) -> Path:
    """Make `folder` such a copy of the bundle in `source`, links but for what differs, and return it.

    Raises BundleError for a graph that is none, ImportError without onnx.
    """
    from export.quantise.graph_files import read_graph, write_graph
    from export.quantise.true_rounding import with_true_rounding

    text = (source / MANIFEST_FILE).read_text(encoding="utf-8")
    folder.mkdir()
    for file in bundle_files(manifest):
        (folder / file).symlink_to((source / file).absolute())
    artefact = manifest.artefact("trt-int8")
    for graph in (artefact.foresight, artefact.action):
        model = read_graph(source / graph.file)
        rounded = with_true_rounding(model)
        if rounded is model:
            continue
        (folder / graph.file).unlink()
        write_graph(rounded, folder / graph.file)
        for part in graph.files:
            text = text.replace(part.sha256, hash_trusted(folder / part.file, ANY_OWNER))
    (folder / MANIFEST_FILE).write_text(text, encoding="utf-8")
    return folder
