"""A bundle is counted graph by graph and precision by precision; a graph file alone, too."""

from pathlib import Path

import pytest

from export.roofline.files import count_path
from interfaces.bundle_manifest import load_manifest
from interfaces.errors import BundleError

SHIPPED = Path(__file__).parents[3] / "robots/bundles/so101-small"


def test_both_graphs_are_counted_in_every_precision_of_the_bundle() -> None:
    precisions = [each.precision for each in load_manifest(SHIPPED).artefacts if each.precision != "cpu-int8"]
    counted = count_path(SHIPPED, None, ())
    assert [(each.graph, each.precision) for each in counted] == [
        (graph, precision) for graph in ("foresight", "action") for precision in precisions
    ]
    for graph in ("foresight", "action"):
        mine = [each for each in counted if each.graph == graph]
        assert len({sum(layer.macs for layer in each.layers) for each in mine}) == 1  # quantisation changes no product


def test_fp32_is_counted_as_if_it_were_something_else() -> None:
    counted = count_path(SHIPPED, ["fp32"], ("fp16", "int8"))
    assert [each.precision for each in counted if each.graph == "action"] == ["fp32", "fp16, assumed", "int8, assumed"]
    weights = [sum(layer.weights_bytes for layer in each.layers) for each in counted if each.graph == "action"]
    assert weights[1] == pytest.approx(weights[0] / 2)
    assert weights[2] == pytest.approx(weights[0] / 4, rel=0.01)  # biases keep 16 bits


def test_a_graph_alone(mixed_file: Path) -> None:
    (counted,) = count_path(mixed_file, None, ())
    assert (counted.graph, counted.precision) == ("mixed", "fp32")


def test_a_precision_that_is_not_there_is_refused() -> None:
    with pytest.raises(BundleError, match="bundle so101-small has no int4 artefact, only"):
        count_path(SHIPPED, ["int4"], ())
