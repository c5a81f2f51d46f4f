"""Names and order of components: what a user may call them, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from hyperspy_unmix.settings import Choice

PER_COMPONENT = (
    "refine",
    "pure pixels",
    "seen by this detector",
)  # settings that hold a value for each component


def numbers(n: int) -> tuple[str, ...]:
    """Names of components that have none: their numbers."""
    return tuple(str(i) for i in range(n))


def called(name: str, i: int, what: str = "component") -> str:
    """A component in words: its name, or "component 0" where it has only its number."""
    return name if name != str(i) else f"{what} {i}"


def with_suggested(names: tuple[str, ...], suggested: tuple[str, ...]) -> list[str]:
    """Suggested names for components that go by their numbers, each name once."""
    taken = {name for i, name in enumerate(names) if name != str(i)}
    found = []
    for i, (name, new) in enumerate(zip(names, suggested, strict=True)):
        chosen, number = (new or name) if name == str(i) else name, 2
        while name == str(i) and chosen in taken:
            chosen, number = f"{new} ({number})", number + 1
        taken.add(chosen)
        found.append(chosen)
    return found


def check_names(names: Sequence[str], n_components: int) -> tuple[str, ...]:
    """Names for all components, each once."""
    is_list = isinstance(names, Iterable) and not isinstance(names, str)
    new_names = tuple(names) if is_list else ()
    if not is_list or not all(isinstance(name, str) for name in new_names):
        raise TypeError(f"names={names!r}: a list of words is needed, one for each component.")
    if len(new_names) != n_components or len(set(new_names)) != len(new_names):
        raise ValueError(
            f"names={names!r}: {n_components} different names are needed, one for each component."
        )
    if not all(name.isprintable() for name in new_names):
        raise ValueError(f"names={names!r}: words of one line are needed.")
    return new_names


def check_order(order: Sequence[int | str], names: tuple[str, ...]) -> list[int]:
    """Places of all components, each once."""
    if not isinstance(order, Iterable):
        raise TypeError(f"order={order!r}: a list of all components is needed.")
    places = [find_place(component, names) for component in order]
    if sorted(places) != list(range(len(names))):
        raise ValueError(
            f"order={list(order)!r}: all of the {len(names)} components are needed, each once."
        )
    return places


def find_place(component: int | str, names: tuple[str, ...]) -> int:
    """Place of a component known by its number or name."""
    if isinstance(component, str):
        if component in names:
            return names.index(component)
    elif (
        isinstance(component, (int, np.integer))
        and not isinstance(component, bool)
        and -len(names) <= component < len(names)
    ):
        return int(component) % len(names)
    raise ValueError(f"there is no component {component!r}, only {', '.join(names)}")


def find_places(components: int | str | Iterable[int | str], names: tuple[str, ...]) -> list[int]:
    """Places of some components, of one alone too, each once.

    Raises
    ------
    TypeError, ValueError
        If a component does not exist, or is named twice.
    """
    one = isinstance(components, (str, int, np.integer))
    if not one and not isinstance(components, Iterable):
        raise TypeError(
            f"components={components!r}: numbers or names are needed, of {', '.join(names)}."
        )
    chosen = [components] if one else list(components)  # type: ignore[arg-type]
    places = [find_place(component, names) for component in chosen]  # type: ignore[arg-type]
    if not places or len(set(places)) != len(places):
        raise ValueError(
            f"components={chosen!r}: one or more different ones are needed, of {', '.join(names)}."
        )
    return places


def reorder_names(names: tuple[str, ...], places: list[int]) -> tuple[str, ...]:
    """Names in their new places; components that go by their number are numbered anew."""
    return names if names == numbers(len(names)) else tuple(names[i] for i in places)


def reorder_choices(choices: Mapping[str, Choice], places: list[int]) -> dict[str, Choice]:
    """Choices with the values of single components in their new places.

    Components beyond the counts have none.
    """
    in_new_order = dict(choices)
    for key in PER_COMPONENT:
        if key in choices and isinstance(choices[key].value, list):
            values = choices[key].value
            reordered = [values[i] if i < len(values) else None for i in places]
            in_new_order[key] = choices[key]._replace(value=reordered)
    return in_new_order
