"""The first pass over the data: which pixels are finite, mean spectra of groups, a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .blocks import RowBlocks
from .noise import Floats

GROUPS = 512
SAMPLE = 1024


@dataclass(frozen=True)
class Summary:
    """What the first pass over the data found.

    ``finite`` (pixels,) marks spectra without NaN or infinity; ``groups`` (groups, channels) are
    mean spectra (and ``group_variance`` mean given variances) of consecutive pixels, ``group_size``
    their numbers; ``sample`` (pixels, channels) is every n-th spectrum, ``integers`` whether it
    holds whole numbers only, ``least`` and
    ``greatest`` the extreme values; ``least_variance`` is that of the given variance.
    """

    finite: NDArray[np.bool_]
    groups: Floats
    group_variance: Floats | None
    group_size: NDArray[np.integer]
    sample: Floats
    integers: bool
    greatest: float
    least: float
    least_variance: float

    @property
    def mean(self) -> Floats:
        """Mean spectrum of the finite pixels, shape (channels,)."""
        return np.asarray(self.group_size @ self.groups / self.group_size.sum())


def summarise(blocks: RowBlocks) -> Summary:
    """Pass over the data once: which pixels are finite, group means, a sample, the range."""
    n, m = blocks.shape
    size = -(-n // min(GROUPS, n))
    stride = -(-n // min(SAMPLE, n))
    order = np.arange(n)

    def on_block(spectra: Floats, variance: Floats | None, index: NDArray[np.intp]) -> Any:
        # a sum is finite only where every term is, and is much the quicker look
        with np.errstate(invalid="ignore", over="ignore"):
            finite = np.isfinite(spectra @ np.ones(m, spectra.dtype))
        kept = spectra if finite.all() else spectra[finite]
        index = index[finite]
        chosen = kept[index % stride == 0]
        first = index[0] // size if len(index) else 0
        group = index // size - first
        members = (np.ones(len(index), spectra.dtype), (group, np.arange(len(index))))
        member = csr_array(members, shape=(group[-1] + 1 if len(index) else 0, len(index)))
        sums_variance, least_variance = None, np.inf
        if variance is not None and kept.size:
            sums_variance = member @ variance[finite]
            # NaN must not hide behind a minimum of the others
            least_variance = float(np.min(variance[finite], initial=np.inf))
        extremes = (float(kept.min()), float(kept.max())) if kept.size else (np.inf, -np.inf)
        sums = (np.bincount(group, minlength=member.shape[0]), member @ kept, sums_variance)
        return finite, chosen, first, *sums, (*extremes, least_variance)

    parts = list(blocks.map(on_block, order))
    groups = np.zeros((n // size + 1, m))
    group_variance = None if blocks.variance is None else np.zeros_like(groups)
    number = np.zeros(len(groups), int)
    for _, _, first, count, sums, sums_variance, _ in parts:
        group = slice(first, first + len(count))
        groups[group] += sums
        number[group] += count.astype(int)
        if group_variance is not None and sums_variance is not None:
            group_variance[group] += sums_variance
    filled = number > 0
    share = number[filled, None]
    sample = np.concatenate([p[1] for p in parts]).astype(float)
    return Summary(
        finite=np.concatenate([p[0] for p in parts]),
        groups=groups[filled] / share,
        group_variance=None if group_variance is None else group_variance[filled] / share,
        group_size=number[filled],
        sample=sample,
        integers=bool((sample == np.rint(sample)).all()),
        least=min(p[6][0] for p in parts),
        greatest=max(p[6][1] for p in parts),
        least_variance=float(np.min([p[6][2] for p in parts])),
    )
