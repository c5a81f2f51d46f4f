"""Results copied, or on their way to another process: the record of a file, and the counts."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.preparation.axes_and_metadata import framed_as
from hyperspy_unmix.storage.missing_counts import Absent
from hyperspy_unmix.storage.record import recorded, restored
from hyperspy_unmix.storage.saved_classes import saved_classes

if TYPE_CHECKING:
    from hyperspy_unmix.analysis.compressed import Compressed
    from hyperspy_unmix.preparation.prepare import Prepared


class CanBeCopied:
    """``pickle``, ``copy.copy`` and ``copy.deepcopy`` of a result, which never changes.

    Counts in memory go along. Lazy ones stay behind when pickled, as with a file: what they are
    read from need not be there for another process.
    """

    if TYPE_CHECKING:

        @property
        def prepared(self) -> Prepared:
            """What was unmixed."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        blocks = self.prepared.image.blocks
        text, arrays = recorded(self, saved_classes())
        counts = map(_in_memory, (blocks.data, blocks.variance))
        return _made_again, (self._kinds, text, arrays, *counts)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        blocks = self.prepared.image.blocks
        text, arrays = recorded(self, saved_classes())
        # The counts are shared: nothing here writes into them.
        return _made_again(self._kinds, text, deepcopy(arrays), blocks.data, blocks.variance)

    @property
    def _kinds(self) -> tuple[type[Any], ...]:
        """The class of the PCA, and that of the unmixing where this is one."""
        pca = getattr(self, "pca", None)
        return (type(self),) if pca is None else (type(pca), type(self))


def _in_memory(data: Any) -> NDArray[Any] | None:
    return data if isinstance(data, np.ndarray) else None


def _made_again(
    kinds: tuple[type[Any], ...],
    text: str,
    arrays: list[NDArray[Any]],
    counts: Any,
    variance: Any,
) -> Any:
    """The result of a record, a PCA or an unmixing, with its counts where there are some."""
    result = restored(text, arrays.__getitem__, saved_classes(*kinds))
    if counts is None or isinstance(counts, Absent):
        return result
    if len(kinds) == 1:
        return _with_counts(result, counts, variance)
    return replace(result, pca=_with_counts(result.pca, counts, variance))


def _with_counts(pca: Compressed, counts: Any, variance: Any) -> Compressed:
    image = pca.prepared.image
    blocks = replace(image.blocks, data=counts, variance=variance)
    image = replace(image, blocks=blocks, frame=framed_as(image.frame, counts))
    return replace(pca, prepared=replace(pca.prepared, image=image))
