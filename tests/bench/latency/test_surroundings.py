"""A figure's surroundings are named: processor, cores, load, and what a hypervisor took."""

from bench.latency.surroundings import Surroundings, Watch


def test_the_machine_is_named_with_its_load() -> None:
    seen = Watch().seen()
    assert seen.processor
    assert seen.cores >= 1
    assert 0 <= seen.stolen_ratio <= 1
    given = Surroundings(processor="Orin", cores=8, load_before_ratio=0.05, load_after_ratio=0.1875, stolen_ratio=0.0)
    assert given.words == "Orin, 8 cores; load 0.4 before, 1.5 after"
    shared = Surroundings(processor="Orin", cores=8, load_before_ratio=0.0, load_after_ratio=0.0, stolen_ratio=0.125)
    assert shared.words.endswith("12.5 % of the time stolen")
