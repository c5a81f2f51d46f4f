"""What a file must not hold, looked for before anything in it is read."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FUNCTIONS = (
    *("exp", "log", "ln", "sqrt", "Abs", "abs", "pi", "E"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
)
LONGEST_FORMULA = 1000  # characters
ARITHMETIC = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.operator,
    ast.unaryop,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Call,
)


def check_formulas(tree: Any) -> None:
    """See that the formulas of axes, at any depth of a dictionary, are arithmetic.

    HyperSpy gives them to sympy, and sympy runs them as Python.

    Raises
    ------
    ValueError
        If one is something else.
    """
    if isinstance(tree, dict):
        if "expression" in tree:
            _check_formula(tree["expression"])
        for value in tree.values():
            check_formulas(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            check_formulas(value)


def check_file(path: Path) -> None:
    """See that nothing in a file is run when HyperSpy reads it.

    Raises
    ------
    ValueError
        If an array would be unpickled, or a formula is not arithmetic.
    """
    if path.is_dir():
        for name in (".zarray", ".zattrs", ".zmetadata", "zarr.json"):
            for file in path.rglob(name):
                zarr_metadata = json.loads(file.read_text(encoding="utf-8"))
                if "pickle" in set(_codecs(zarr_metadata)):
                    raise ValueError(f"{file.parent.name} in it is a pickle, which is not read")
                check_formulas(zarr_metadata)
        return
    import h5py

    def visit(name: str, item: Any) -> None:
        if "expression" in item.attrs:
            _check_formula(item.attrs["expression"])

    with h5py.File(path, "r") as file:
        file.visititems(visit)


def _check_formula(text: Any) -> None:
    wrong = ValueError(f"the formula of an axis, {str(text)[:40]!r}, is not arithmetic")
    if not isinstance(text, str) or len(text) > LONGEST_FORMULA:
        raise wrong
    # There may be definitions behind it: "a * y; y = x + 1".
    parts = [part.strip() for statement in text.split(";") for part in statement.split("=")]
    for part in parts:
        try:
            tree = ast.parse(part, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise wrong from None
        if not all(map(_is_arithmetic, ast.walk(tree))):
            raise wrong


def _is_arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        is_known = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
        return is_known and not node.keywords
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.Name):
        return not node.id.startswith("_")
    return isinstance(node, ARITHMETIC)


def _codecs(tree: Any) -> Iterator[str]:
    """Names of the codecs in zarr's metadata, of version 2 (id) or 3 (name)."""
    if isinstance(tree, dict):
        for key in ("id", "name"):
            if isinstance(tree.get(key), str):
                yield tree[key].rpartition(".")[2]
        tree = list(tree.values())
    if isinstance(tree, list):
        for value in tree:
            yield from _codecs(value)
