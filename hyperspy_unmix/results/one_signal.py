"""One signal unmixed, all steps, as `hyperspy_unmix.unmix` and the interactive tool do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperspy_unmix.arguments.code_to_repeat import call
from hyperspy_unmix.arguments.options import read_options
from hyperspy_unmix.arguments.recipe import Asked
from hyperspy_unmix.settings import held_back

from .like_another import arranged_like
from .low_loss_comparison import better_of
from .pca import PCA
from .unmixing import Unmixing

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def unmix_one(
    signal: BaseSignal,
    n_components: Any,
    how: Mapping[str, Any],
    preprocessing: dict[str, Any],
    like: Unmixing | None = None,
) -> Unmixing:
    """Unmixed with these options, without the low loss where that makes it worse."""
    options = read_options("unmix", preprocessing)
    with held_back() as said:
        result = PCA.of_signal(signal, n_components, options).ica(**how)
    result = better_of(
        result,
        lambda: PCA.of_signal(signal, n_components, replace(options, low_loss=None)).ica(**how),
        said,
    )
    asked = Asked().updated(n_components=n_components, **how, **preprocessing)
    code = code_of_one(n_components, how, preprocessing, like)
    return replace(arranged_like(result, like), calls=(code,), asked=asked)


def code_of_one(
    n_components: Any, how: Mapping[str, Any], preprocessing: Mapping[str, Any], like: Any = None
) -> str:
    """The call that does so."""
    return call("s.unmix", n_components=n_components, **how, like=like, **preprocessing)
