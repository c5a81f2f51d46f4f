"""The mutants of the numerics, for `mutation.py`: one change of one expression each."""

from __future__ import annotations

import ast
import contextlib
import copy
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .equivalent import PERFORMANCE

NUMERICS = "hyperspy_unmix/numerics"
PLUS_ONE = "returned + 1"
LEAST = 60  # of so many mutants, every module has one at least
ROOM = 60  # characters of an expression in the name of a mutant
NAMES = "min max|argmin argmax|minimum maximum|sum mean|any all|floor ceil|nanmin nanmax|sin cos"
SWAPPED = {a: b for p in NAMES.split("|") for a, b in (p.split(), p.split()[::-1])}
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
OPERATORS |= {ast.Pow: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult}
OPERATORS |= {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
EDGES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.NotEq}
TURNED |= {ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn}


@dataclass
class Mutant:
    """One change of one expression: the lines of its statement, and the changed module."""

    module: str  # its dotted place below the numerics
    kind: str
    lines: range
    text: str = field(repr=False)  # of the module, unchanged
    span: tuple[int, int]  # of the expression, in bytes
    after: str
    label: str
    name: str = ""  # of the constant, where the change is in one of the module
    key: str = ""

    def put(self, code: str) -> str:
        """The module with other code in the place of the expression."""
        data, (start, stop) = self.text.encode(), self.span
        return (data[:start] + code.encode() + data[stop:]).decode()

    def source(self) -> str:
        """The changed module."""
        return self.put(self.after)


@cache
def dotted(path: Path | str, root: Path | str) -> str:
    """The place of a file below a folder, as in ``noise.model``."""
    return ".".join(Path(path).relative_to(root).with_suffix("").parts)


def modules_of(package: Path) -> list[str]:
    """The modules of the numerics, but for those that only say what a folder holds."""
    paths = (package / NUMERICS).rglob("*.py")
    return sorted(dotted(p, package / NUMERICS) for p in paths if p.name != "__init__.py")


def file_of(module: str) -> str:
    """Where a module of the numerics lies in a checkout."""
    return f"{NUMERICS}/{module.replace('.', '/')}.py"


def alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(other)))


def shortened(before: str, after: str) -> str:
    """What became of an expression, without most of what is the same in both."""
    head = alike(before, after)
    tail = alike(before[head:][::-1], after[head:][::-1])
    if max(len(before), len(after)) <= ROOM:
        head = tail = 0
    head, tail = max(head - ROOM // 3, 0), max(tail - ROOM // 3, 0)
    return " → ".join(
        f"{'…' if head else ''}{text[head : len(text) - tail]}{'…' if tail else ''}"
        for text in (before, after)
    )


def changes(node: ast.AST, bound: bool) -> Iterator[tuple[str, ast.AST]]:
    """What an expression might be by mistake, with the kind of mistake; ``bound``: of a slice."""
    new: Callable[[], ast.AST] = lambda: copy.deepcopy(node)  # noqa: E731
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
        other = new()
        other.op = OPERATORS[type(node.op)]()
        yield "operator", other
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield from (("dropped factor", side) for side in (node.left, node.right))
    if isinstance(node, ast.Compare):
        for kind, table in (("boundary", EDGES), ("comparison", TURNED)):
            if type(node.ops[0]) in table:
                other = new()
                other.ops[0] = table[type(node.ops[0])]()
                yield kind, other
    if isinstance(node, ast.BoolOp):
        other = new()
        other.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield "and/or", other
    if isinstance(node, ast.UnaryOp):
        yield "minus, not", node.operand
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name in SWAPPED:
            other = new()
            setattr(other, "id" if isinstance(node, ast.Name) else "attr", SWAPPED[name])
            yield "function", other
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "True/False", ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        more = node.value + 1 if isinstance(node.value, int) else 2 * node.value or 1.0
        yield ("slice" if bound else "constant"), ast.Constant(0 if node.value == 1 else more)
    elif bound and isinstance(node, ast.expr):
        yield "slice", ast.BinOp(node, ast.Add(), ast.Constant(1))


def fields_of(node: ast.AST) -> Iterator[ast.AST]:
    """Its parts that are code: no annotations, decorators, messages, strings or errors raised."""
    skip = {"annotation", "returns", "decorator_list", "type_comment", "exc", "bases", "keywords"}
    skip -= {"keywords"} if isinstance(node, ast.Call) else set()
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if name not in skip and isinstance(child, ast.AST):
                yield child


def mutants_of(package: Path, module: str) -> list[Mutant]:
    """Every mutant of a module."""
    text, found = (package / file_of(module)).read_text(encoding="utf-8"), []
    rows = text.encode().splitlines(keepends=True)
    begins = [0]
    for row in rows:
        begins.append(begins[-1] + len(row))

    def place(node: ast.AST) -> tuple[int, int]:
        return (
            begins[node.lineno - 1] + node.col_offset,
            begins[node.end_lineno - 1] + node.end_col_offset,
        )

    def add(kind: str, node: ast.AST, after: str, at: ast.AST, name: str) -> None:
        if isinstance(at, ast.If | ast.While | ast.For | ast.With):
            at = node  # the head of it only
        lines = range(at.lineno, at.end_lineno + 1)
        before = " ".join(ast.unparse(node).split())
        shown = after[1:-1] if after.startswith("(") and after.endswith(")") else after
        shown = f"{before} + 1" if kind == PLUS_ONE else shown
        label = f"{module}: {shortened(before, shown)}"
        found.append(Mutant(module, kind, lines, text, place(node), after, label, name))

    def visit(node: ast.AST, at: ast.AST, name: str, bound: bool = False) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Raise):
            return
        if isinstance(node, ast.stmt):
            at = node
        if isinstance(node, ast.Assign) and node.col_offset == 0:
            name = " ".join(n.id for t in node.targets for n in ast.walk(t) if hasattr(n, "id"))
            alias = isinstance(node.value, ast.Subscript) or name[:1] != name[:1].upper()
            if alias or name.startswith("__") or not name.isupper():
                return
            if all((module, n) in PERFORMANCE for n in name.split()):
                return
        with contextlib.suppress(AttributeError):
            for kind, other in changes(node, bound):
                simple = isinstance(other, ast.Name | ast.Constant | ast.AugAssign | ast.Attribute)
                code = ast.unparse(other)
                add(kind, node, code if simple else f"({code})", at, name)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.expr):
            tuple_ = isinstance(node.value, ast.Tuple)
            for value in node.value.elts if tuple_ else [node.value]:
                called = value.func if isinstance(value, ast.Call) else None
                kind = getattr(called, "id", getattr(called, "attr", ""))
                if not kind[:1].isupper() and not isinstance(value, ast.Constant | ast.Starred):
                    add(PLUS_ONE, value, f"({ast.unparse(value)}) + 1", at, name)
        for child in fields_of(node):
            edge = isinstance(node, ast.Slice) and child is not node.step
            visit(child, at, name, edge)

    tree = ast.parse(text)
    for node in tree.body:
        visit(node, node, "")
    seen: Counter[str] = Counter()
    for mutant in found:
        seen[mutant.label] += 1
        again = seen[mutant.label]
        mutant.key = mutant.label + (f" ({again})" if again > 1 else "")
    return found


def sample(
    package: Path, number: int, seed: int, modules: list[str], without: set[str]
) -> list[Mutant]:
    """Mutants at random: of every module its share, by the number of its places."""
    every = {module: mutants_of(package, module) for module in modules_of(package)}
    total = sum(map(len, every.values()))
    chosen = []
    for module, mutants in every.items():
        left = [m for m in mutants if m.key not in without]
        share = max(round(number * len(mutants) / total), number // LEAST, 1)
        share = min(share, len(left))
        if not modules or module in modules:
            chosen += random.Random(f"{seed} {module}").sample(left, share)
    return chosen
