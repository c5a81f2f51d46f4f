"""Components in the order of others, and called as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .components import Components

Kind = TypeVar("Kind", bound="Components")


def arranged_as(
    result: Kind, references: tuple[str, ...], pairs: tuple[int | None, ...], near: tuple[bool, ...]
) -> Kind:
    """Components in the order of the references they are near, the others behind them.

    They are called as the reference, but for those whose name is only its number: they keep that
    where they stand in its place, else they are called "former 2".

    Parameters
    ----------
    result : Unmixing
    references : tuple of str
        Their names.
    pairs, near
        As in `matching.Match`.
    """
    matched = {i: j for i, j in enumerate(pairs) if j is not None and near[i]}
    order = sorted(range(result.n_components), key=lambda i: (matched.get(i, len(references)), i))
    names: list[str] = []
    for place, i in enumerate(order):
        own = result.names[i] if result.names[i] != str(i) else str(place)
        name = own
        if i in matched:
            name = references[matched[i]]
            if name == str(matched[i]) and name != str(place):
                name = f"former {name}"
        names.append(name if name not in names else str(place))
    arranged = result if order == list(range(len(order))) else result.reorder(order)
    is_named = tuple(names) != arranged.names and len(set(names)) == len(names)
    return arranged.rename(names) if is_named else arranged
