"""Components by name: their names, their order, their signs, and what was called to get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.separated import Separated
from hyperspy_unmix.arguments import code_to_repeat as calls
from hyperspy_unmix.arguments.recipe import Asked
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.settings import Choice, FrozenSettings

from .lost_copy import warn_if_dropped
from .naming import (
    called,
    check_names,
    check_order,
    find_place,
    find_places,
    reorder_choices,
    reorder_names,
    with_suggested,
)
from .other_answers import OtherAnswers

# Attributes that other modules read, and nobody needs to find by completion.
OF_THE_PACKAGE = frozenset(
    {
        *("are_spectra_given", "arrays", "asked", "background_variance", "calls", "choices"),
        *("included", "own_findings", "prepared", "residual_finding", "separated", "shown"),
    }
)


@dataclass(frozen=True, eq=False)
class NamedComponents:
    """What was separated, from which all signals of the components are made; see `Components`."""

    names: tuple[str, ...]
    choices: Mapping[str, Choice] = field(repr=False)
    pca: Compressed = field(repr=False)
    arrays: Normalised = field(repr=False)
    separated: Separated = field(repr=False)
    calls: tuple[str, ...] = field(default=(), repr=False)
    asked: Asked = field(default=Asked(), repr=False)
    excluded: tuple[int, ...] = field(default=(), repr=False)

    def __dir__(self) -> list[str]:
        """Names for users: what other modules of the package read is not completed."""
        return [name for name in super().__dir__() if name not in OF_THE_PACKAGE]

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.names)

    @property
    def prepared(self) -> Prepared:
        """What was decided before the PCA."""
        return self.pca.prepared

    @property
    def are_spectra_given(self) -> bool:
        """Whether the spectra are those of another result; then the maps came with their noise."""
        return self.arrays.map_noise is not None

    @property
    def _other_answers(self) -> OtherAnswers:
        """Where other answers for the same counts are, as advice says it."""
        if self.are_spectra_given:
            return OtherAnswers("elsewhere")
        return OtherAnswers("together" if "together" in self.choices else "alone")

    @property
    def code(self) -> str:
        """What to type for the same result: ``s`` is the signal, others are named by option."""
        return calls.code(self.calls)

    @property
    def shown(self) -> tuple[int, ...]:
        """Numbers of the components that are not excluded."""
        return tuple(i for i in range(self.n_components) if i not in self.excluded)

    @property
    def included(self) -> Normalised:
        """The numbers behind the components that are not excluded."""
        return self.arrays.select_components(self.shown)

    def exclude(self, components: int | str | Sequence[int | str]) -> Self:
        """A copy without some components in all figures, ``model()`` and files of `export`.

        As ``exclude`` of MNE's ICA: what is left is the signal without them, ``residual()`` holds
        them. Tables mark them as excluded. ``spectra``, ``maps``, ``fractions``, numbers and how
        well all components fit stay as they are; a figure shows an excluded one that is asked for.

        Parameters
        ----------
        components : int, str or sequence of them
            Numbers or names, in place of those excluded before; an empty list brings all back.

        Raises
        ------
        TypeError, ValueError
            If there is no such component, or none would be left.
        """
        warn_if_dropped("exclude")
        is_none = not isinstance(components, (int, str)) and not len(components)
        places = () if is_none else tuple(sorted(find_places(components, self.names)))
        if len(places) == self.n_components:
            raise ValueError(f"exclude({components!r}): one component at least must be left.")
        return self._changed("exclude", components, excluded=places)

    def rename(self, names: Sequence[str] | Mapping[int | str, str] | None = None) -> Self:
        """A copy of the result with other names for its components: ``u = u.rename(...)``.

        Parameters
        ----------
        names : sequence of str, or mapping of int or str to str, optional
            One for each component, all different; or new names by number or former name, the
            others stay. Default: the `suggested_names` of those that have only their numbers.

        Raises
        ------
        TypeError, ValueError
            If names are no words, too few or too many, or not all different.
        """
        warn_if_dropped("rename")
        if names is None:
            names = with_suggested(self.names, self.suggested_names)
        elif isinstance(names, Mapping):
            places = {find_place(component, self.names): new for component, new in names.items()}
            names = [places.get(i, name) for i, name in enumerate(self.names)]
        names = check_names(names, self.n_components)
        return self._changed("rename", list(names), names=names)

    @property
    def suggested_names(self) -> tuple[str, ...]:
        """What components might be called; empty where nothing suggests a name."""
        return ("",) * self.n_components

    @property
    def labels(self) -> tuple[str, ...]:
        """What components are called in tables and figures.

        Their names; where they have only their numbers, these with the suggested names.
        """
        pairs = zip(self.names, self.suggested_names, strict=True)
        return tuple(
            f"{i}: {suggested}" if suggested and name == str(i) else called(name, i)
            for i, (name, suggested) in enumerate(pairs)
        )

    def reorder(self, order: Sequence[int | str]) -> Self:
        """The same result with its components in another order.

        Parameters
        ----------
        order : sequence of int or str
            Numbers or names of all components, each once, in the order they shall have.

        Raises
        ------
        TypeError, ValueError
            If a component is missing or there twice.
        """
        warn_if_dropped("reorder")
        places = check_order(order, self.names)
        return self._changed(
            "reorder",
            list(order),
            names=reorder_names(self.names, places),
            excluded=tuple(sorted(places.index(i) for i in self.excluded)),
            choices=FrozenSettings(reorder_choices(self.choices, places)),
            arrays=self.arrays.select_components(places),
        )

    def reverse(self, component: int | str) -> Self:
        """The same result with the signs of one component's spectrum and map turned.

        Parameters
        ----------
        component : int or str
            Its number or name.

        Raises
        ------
        ValueError
            If there is no such component.
        """
        warn_if_dropped("reverse")
        arrays = self.arrays.reversed(find_place(component, self.names))
        return self._changed("reverse", component, arrays=arrays)

    def _changed(self, method: str, argument: Any, **fields: Any) -> Self:
        """The same result but for these fields, and the call that changed them."""
        former_calls = self.calls
        # A second renaming takes the place of the first.
        if method == "rename" and former_calls and former_calls[-1].startswith("rename("):
            former_calls = former_calls[:-1]
        return replace(self, calls=(*former_calls, f"{method}({argument!r})"), **fields)
