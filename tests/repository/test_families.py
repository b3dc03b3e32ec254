"""Export and runtime know policies, and no family of them: what differs between families is in their graphs and the manifest."""

from __future__ import annotations

import re
from pathlib import Path

from models.families import FAMILIES

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("runtime", "export", "interfaces", "drivers")
# Programs that measure or try the tools on one family's published sizes; nothing that exports or runs a policy imports them.
TRIALS = {"export/svam.py", "export/paper_scale.py"}
NO_NAME = {"small"}  # as a family's name it cannot be told from the word


def named(text: str) -> set[str]:
    """Return the families that a text names, however they are spelt."""
    found: set[str] = set()
    for name in FAMILIES.keys() - NO_NAME:
        parts = "[-_ ]?".join(re.escape(part) for part in re.split("[-_ ]", name))
        spelt = "S-?VAM" if name == "svam" else parts
        if re.search(rf"(?<![a-z]){spelt}", text, re.IGNORECASE):
            found.add(name)
    return found


def test_no_room_that_serves_all_families_names_one() -> None:
    files = [path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py")]
    assert len(files) > 100
    told = {str(path.relative_to(REPOSITORY)): named(path.read_text(encoding="utf-8")) for path in files}
    assert {file: names for file, names in told.items() if names and file not in TRIALS} == {}


def test_names_are_found_however_they_are_spelt() -> None:
    assert named("from models.svam.policy import SvamPolicy") == {"svam"}
    assert named("S-VAM's foresight; family == 'svam'") == {"svam"}
    assert named("equivalent, a small one") == set()


def test_trials_are_imported_by_nothing_that_exports_or_runs() -> None:
    imports = re.compile(r"^\s*(?:from|import) export\.(?:svam|paper_scale)\b", re.MULTILINE)
    files = [path for room in ("export", "runtime", "forerun") for path in (REPOSITORY / room).rglob("*.py")]
    found = {str(path.relative_to(REPOSITORY)) for path in files if imports.search(path.read_text(encoding="utf-8"))}
    assert found - TRIALS <= {"export/paper_scale_build.py"}
