"""The house stays easy to see: short files, telling names, tests where one looks for them."""

import sys
from importlib.metadata import distributions
from pathlib import Path

LINES_MAX = 300
LONG_WITH_A_REASON: dict[str, str] = {}  # file: why it is one idea all the same

NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "base", "misc", "manager"}


def test_python_files_are_short_or_say_why(root: Path, python_files: list[Path]) -> None:
    lines = {str(path): len((root / path).read_text().splitlines()) for path in python_files}
    assert {path: n for path, n in lines.items() if n > LINES_MAX and path not in LONG_WITH_A_REASON} == {}


def test_names_say_what_a_file_is(files: list[Path]) -> None:
    words = {path: {word for part in path.parts for word in Path(part).stem.lower().split("_")} for path in files}
    assert [str(path) for path in files if words[path] & NAMES_THAT_SAY_NOTHING] == []


def test_every_room_is_a_package_and_tests_are_none(python_files: list[Path], rooms: set[str]) -> None:
    folders = {path.parent for path in python_files if path.parts[0] in rooms}
    assert [str(folder) for folder in sorted(folders) if folder / "__init__.py" not in python_files] == []
    # A package below tests/ would shadow the room of the same name.
    assert [str(path) for path in python_files if path.parts[0] == "tests" and path.name == "__init__.py"] == []


def test_every_test_stands_where_its_module_does(root: Path, python_files: list[Path]) -> None:
    def stands(test: Path) -> bool:
        # test_chunk.py tests chunk.py; what is too long for one file is test_chunk_<what>.py.
        there = root / Path(*test.parts[1:-1])
        modules = {path.stem.strip("_") for path in there.iterdir() if path.suffix in {".py", ".sh"} or path.is_dir()}
        name = test.stem.removeprefix("test_")
        return name in modules or any(name.startswith(f"{module}_") for module in modules)

    tests = [path for path in python_files if path.parts[0] == "tests" and path.name.startswith("test_")]
    assert tests
    # Tests of the repository, of faults injected into running processes, and of what all drivers must do belong to no one module.
    of_all = {"repository", "faults", "machines"}
    alone = [test for test in tests if test.parts[1] not in of_all and "test_conformance" not in test.stem]
    assert [str(test) for test in alone if not stands(test)] == []


def test_no_installed_distribution_takes_the_name_of_a_room(rooms: set[str]) -> None:
    # Foreign packages come first on the path and would be imported instead of ours. Asking each distribution for its files also
    # works on Python 3.10, whose packages_distributions() overlooks those without a top_level.txt.
    taken = {
        (distribution.metadata["Name"], file.parts[0])
        for distribution in distributions()
        for file in distribution.files or []
        if file.parts[0].removesuffix(".py") in rooms
    }
    assert {name for name, _ in taken} <= {"forerun"}
    assert not rooms & sys.stdlib_module_names
