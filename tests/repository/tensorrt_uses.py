"""Gathers from source, without running it, every name that our code asks of TensorRT and of the objects TensorRT gives out.

What is TensorRT's is followed like dye: from the module (a parameter called `trt`, an import, a call of `import_module`) through
attributes, calls, variables, `self`, arguments, returned values, loops and closures, over all files at once, until nothing more is
dyed. Conversions (`int(...)`, `bytes(...)`) end it. Every attribute of a dyed value is a use; so is every method by which a class of
ours overrides one of TensorRT's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_MODULE_NAMES = ("tensorrt", "tensorrt_rtx_bindings")
_OF_CONTAINERS = {"append", "get", "items", "keys", "pop", "values"}  # a dictionary of TensorRT's things is ours
_PLAIN_ANNOTATIONS = {
    "str",
    "int",
    "float",
    "bool",
    "bytes",
    "str | None",
}  # what TensorRT hands over that is not its own

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, order=True)
class Use:
    """One name, where it is asked for, and the whole expression; `name` is empty where only running it would tell."""

    name: str
    where: str
    text: str


@dataclass
class Dye:
    """What holds something of TensorRT's, by name: over all files, so that a doubt is a use too many and not one too few."""

    parameters: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])  # function, parameter
    returned_by: set[str] = field(default_factory=set[str])
    attributes: set[str] = field(default_factory=set[str])  # of our own objects: self._engine
    globals: set[str] = field(default_factory=set[str])

    def size(self) -> int:
        """Return how much is dyed."""
        return len(self.parameters) + len(self.returned_by) + len(self.attributes) + len(self.globals)


def gather_uses(files: Iterable[Path]) -> set[Use]:
    """Return what the files ask of TensorRT."""
    return uses_in({path.as_posix(): path.read_text(encoding="utf-8") for path in files})


def uses_in(sources: dict[str, str]) -> set[Use]:
    """Return what these sources, by file, ask of TensorRT."""
    dye, before = Dye(), -1
    uses: set[Use] = set()
    modules = {name: ast.parse(source) for name, source in sources.items()}
    signatures = _signatures(modules.values())
    while dye.size() != before:
        before = dye.size()
        for name, module in modules.items():
            scope = _Scope(name, "", set(), dye, signatures, uses)
            scope.read(module.body)
            dye.globals |= scope.dyed
    return uses


class _Scope:
    """One function, or the top of a file: what of its variables is dyed, with what it sees of the scopes around it."""

    def __init__(
        self,
        file: str,
        function: str,
        dyed: set[str],
        dye: Dye,
        signatures: dict[str, list[str]],
        uses: set[Use],
    ) -> None:
        self.file, self.function, self.dyed = file, function, dyed
        self.dye, self.signatures, self.uses = dye, signatures, uses

    def read(self, body: list[ast.stmt]) -> None:
        """Follow the dye through statements, until no variable more takes it, and note the uses."""
        before = -1
        while len(self.dyed) != before:
            before = len(self.dyed)
            for statement in body:
                self._statement(statement)

    def holds(self, node: ast.expr | None) -> bool:
        """Return whether the value of an expression is TensorRT's."""
        if node is None:
            return False
        if isinstance(node, ast.Name):
            return node.id in self.dyed or node.id in self.dye.globals
        if isinstance(node, ast.Attribute):
            return self.holds(node.value) or self._owner(node.attr) in self.dye.attributes
        if isinstance(node, ast.Call):
            return self._call_gives(node)
        if isinstance(node, ast.Lambda):
            return self.holds(node.body)
        if isinstance(node, ast.Compare | ast.Constant | ast.JoinedStr):
            return False
        return any(self.holds(part) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr))

    def _call_gives(self, call: ast.Call) -> bool:
        called = _called(call)
        if called in ("import_module", "__import__"):
            wanted = call.args[0] if call.args else None
            return not isinstance(wanted, ast.Constant) or wanted.value in _MODULE_NAMES
        if called == "getattr" and call.args:
            return self.holds(call.args[0])
        return called in self.dye.returned_by or self.holds(call.func)

    def _statement(self, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._enter(node, set())
            return
        if isinstance(node, ast.ClassDef):
            self._class(node)
            return
        self._spread(node)
        self._note(node)
        for child in ast.iter_child_nodes(node):
            self._statement(child)

    def _spread(self, node: ast.AST) -> None:
        """Dye what this node gives something of TensorRT's to."""
        if isinstance(node, ast.Import):
            self.dyed |= {alias.asname or alias.name for alias in node.names if alias.name in _MODULE_NAMES}
        for target, value in _bindings(node):
            if self.holds(value):
                self._bind(target)
        if isinstance(node, ast.Return | ast.Yield) and self.holds(node.value):
            self.dye.returned_by.add(self.function)
        if isinstance(node, ast.Call):
            self._pass_on(node)

    def _enter(self, node: ast.FunctionDef | ast.AsyncFunctionDef, given: set[str]) -> None:
        names = [argument.arg for argument in _arguments(node)]
        dyed = {name for name in names if name == "trt" or (node.name, name) in self.dye.parameters}
        inner = _Scope(
            self.file, node.name, (self.dyed - set(names)) | dyed | given, self.dye, self.signatures, self.uses
        )
        for part in (*node.decorator_list, *node.args.defaults):
            self._statement(part)
        inner.read(node.body)

    def _class(self, node: ast.ClassDef) -> None:
        ours = not any(self.holds(base) for base in node.bases)
        for base in node.bases:
            self._statement(base)
        for item in node.body:
            if ours or not isinstance(item, ast.FunctionDef):
                self._statement(item)
                continue
            # TensorRT calls it, and hands over objects of its own.
            handed = {
                argument.arg
                for argument in _arguments(item)[1:]
                if argument.annotation is None or ast.unparse(argument.annotation) not in _PLAIN_ANNOTATIONS
            }
            self._enter(item, handed)
            if not item.name.startswith("_"):
                self.uses.add(Use(item.name, f"{self.file}:{item.lineno}", f"{node.name}.{item.name} overrides it"))

    def _bind(self, target: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.dyed.add(target.id)
        elif isinstance(target, ast.Attribute) and not self.holds(target.value):
            self.dye.attributes.add(self._owner(target.attr))
        elif isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._bind(element)

    def _owner(self, attribute: str) -> str:
        """Return how an attribute of ours is known: a private one belongs to its file."""
        return f"{self.file}:{attribute}" if attribute.startswith("_") else attribute

    def _pass_on(self, call: ast.Call) -> None:
        """Dye the parameters of a function of ours that is given something of TensorRT's."""
        called = _called(call)
        names = self.signatures.get(called)
        if names is None or self.holds(call.func):
            return
        for name, value in (*zip(names, call.args, strict=False), *((word.arg, word.value) for word in call.keywords)):
            if name and self.holds(value):
                self.dye.parameters.add((called, name))
                self.dye.attributes |= {name} if called[:1].isupper() else set()

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Attribute) and self.holds(node.value) and node.attr not in _OF_CONTAINERS:
            self._add(node.attr, node)
        if (
            isinstance(node, ast.Call)
            and _called(node) in ("getattr", "hasattr", "setattr")
            and self.holds(node.args[0])
        ):
            name = node.args[1]
            self._add(str(name.value) if isinstance(name, ast.Constant) else "", node)

    def _add(self, name: str, node: ast.expr) -> None:
        self.uses.add(Use(name, f"{self.file}:{node.lineno}", ast.unparse(node)))


def _signatures(modules: Iterable[ast.Module]) -> dict[str, list[str]]:
    """Return the parameters of every function by its name, and of every class by its own, without `self`."""
    found: dict[str, list[str]] = {}
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[node.name] = _without_self([argument.arg for argument in _arguments(node)])
            if isinstance(node, ast.ClassDef):
                fields = [name for item in node.body for name in _field(item)]
                starts = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
                names = [argument.arg for argument in _arguments(starts[0])] if starts else fields
                found[node.name] = _without_self(names)
    return found


def _field(item: ast.stmt) -> list[str]:
    return [item.target.id] if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) else []


def _without_self(names: list[str]) -> list[str]:
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _arguments(node: Function) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _called(call: ast.Call) -> str:
    """Return the last name of what is called."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    """Yield what a node gives a name to, and the value."""
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
        for target in node.targets:  # each of a tuple its own
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
        yield node.target, node.value
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        yield node.target, node.iter
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield node.optional_vars, node.context_expr
