"""The options that all stages share, in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from hyperspy_unmix.numerics.separation.ica import Algorithm

from .checks import check_choice, check_random_state

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal
    from numpy.typing import ArrayLike

# of the ICA, or a non-negative factorisation
Method = Literal["picard", "fastica", "nmf", "mcr-als"]
FACTORISING = ("nmf", "mcr-als")
# options that change what the numbers mean, so that denoising has none of them
OF_PHYSICS = (
    *("low_loss", "thickness", "surface_losses", "exposure_ratio"),
    *("background", "background_type", "energy_shift"),
)
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Preprocessing:
    """How a spectrum image is made ready for the PCA; described in `hyperspy_unmix.unmix`."""

    low_loss: BaseSignal | Literal["auto"] | None = "auto"
    thickness: BaseSignal | tuple[ArrayLike, str] | None = None
    surface_losses: float | tuple[float, float] | None = None
    exposure_ratio: float | None = None
    background: Literal["auto"] | tuple[float, float] | Sequence[tuple[float, float]] | None = (
        "auto"
    )
    background_type: Literal["auto", "power law", "exponential", "polynomial", "offset"] = "auto"
    energy_shift: Literal["auto", "spectra"] | None = "auto"
    spikes: Literal["auto"] | None = "auto"
    signal_range: tuple[float, float] | None = None
    noise: Literal["auto", "poisson", "uniform"] | BaseSignal = "auto"
    navigation_mask: BaseSignal | ArrayLike | None = None
    signal_mask: BaseSignal | ArrayLike | None = None
    show_progressbar: bool | None = None


@dataclass(frozen=True)
class SeparationOptions:
    """How to separate, see `hyperspy_unmix.unmix`."""

    algorithm: Method = "picard"
    refine: Literal["auto"] | None = "auto"
    assume: Literal["auto", "overlap", "pure"] = "auto"
    random_state: int = 0
    known: Any = None

    def __post_init__(self) -> None:
        check_choice("algorithm", self.algorithm, ("picard", "fastica", *FACTORISING))
        check_choice("refine", self.refine, ("auto", None))
        check_choice("assume", self.assume, ("auto", "overlap", "pure"))
        object.__setattr__(self, "random_state", check_random_state(self.random_state))
        if self.factorises and self.known is not None:
            raise ValueError(
                f'algorithm="{self.algorithm}" takes no known components: leave algorithm out, and '
                "the others are unmixed beside them."
            )
        if self.factorises and self.refine is None:
            raise ValueError(
                f"refine=None leaves an ICA as it is; the spectra and maps of algorithm="
                f'"{self.algorithm}" are non-negative, and there is nothing to refine: leave '
                "refine out."
            )

    @property
    def factorises(self) -> bool:
        """Whether spectra and maps are those of a non-negative factorisation."""
        return self.algorithm in FACTORISING

    @property
    def ica(self) -> Algorithm:
        """The algorithm of an ICA, of one that a factorisation starts from too."""
        return "fastica" if self.algorithm == "fastica" else "picard"


PARAMETERS = tuple(
    inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.type
    )
    for option in fields(Preprocessing)
)


def takes_preprocessing(*left_out: str) -> Callable[[Function], Function]:
    """Decorator: let ``**preprocessing`` show as the options that it stands for.

    ``help``, completion and ``inspect.signature`` then name all of them, except those left out.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())[:-1]
        shown = [p for p in PARAMETERS if p.name not in left_out]
        function.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*parameters, *shown]
        )
        return function

    return decorate


def read_options(name: str, given: dict[str, Any], left_out: tuple[str, ...] = ()) -> Preprocessing:
    """The options of a call of ``name``.

    Raises
    ------
    TypeError
        If there is no such option.
    """
    names = [p.name for p in PARAMETERS if p.name not in left_out]
    for option in given:
        if option not in names:
            raise TypeError(f"{name}() has no option {option!r}; it has {', '.join(names)}.")
    return Preprocessing(**given)
