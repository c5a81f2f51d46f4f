"""Progress bars, HyperSpy's way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hyperspy_unmix.numerics.types import Progress, Ticks, silent

DELAY = 1.0  # seconds; stages that are done by then show nothing


def progress(show: bool | None) -> Progress:
    """What shows the progress of a pass over the data; None asks HyperSpy's preferences."""
    if show is None:
        from hyperspy.api import preferences

        show = preferences.General.show_progressbar
    return _bar if show else silent


@contextmanager
def _bar(stage: str, total: int) -> Iterator[Ticks]:
    from hyperspy.api import preferences
    from tqdm import auto, std

    progressbar = auto.tqdm if preferences.General.nb_progressbar else std.tqdm
    words = {"desc": stage, "unit": " spectra", "unit_scale": True}
    with progressbar(total=total, delay=DELAY, **words) as bar:
        yield bar.update
