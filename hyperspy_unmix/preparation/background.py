"""Where the background is fitted, and with what shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import MISSING, Choice, Settings, caution, in_words

from .automatic_window import automatic_window
from .elements import features
from .given_window import NotCounting, given_window, not_counting, windows_asked_for
from .low_loss import AnalysedLowLoss
from .metadata import base_type
from .spectrum_image import Image

BACKGROUND_TYPES = ("auto", "power law", "exponential", "polynomial", "offset")
TAIL_SHARE = 0.85  # of the first energy: the tail of an edge from there on is in a window
LEAST_LEFT = 0.5  # of the channels, by a background window


@dataclass(frozen=True)
class BackgroundFinding:
    """Where the background is fitted, or why it is not.

    Parameters
    ----------
    ranges : tuple of (float, float)
        First and last energy of each window; none where nothing is fitted.
    shape : str
        As asked for, see `background_fit.subtract_background`.
    reason : str
        Why there, or why not.
    is_zero_loss_tail : bool
        Whether the background is the tail of the zero-loss peak, which needs no fit.
    channels_left, channels_before : int
        That count from the window on, and of the range asked for.
    bump : float, optional
        Energy of what rises beside the window, but is no edge.
    unit : str
        Of the energies.
    lost : NotCounting, optional
        Channels of a window that was given, which do not count; None where all of them do.
    cut_off : tuple of str
        Edges of the listed elements on the axis, below what is analysed for the window.
    unseen : tuple of str
        Listed elements that have edges on the axis as recorded, or shortly before it, but none in
        what is analysed; with their edges.
    elsewhere : tuple of str
        Listed elements that have no edge near the axis, likewise.
    """

    ranges: tuple[tuple[float, float], ...]
    shape: str
    reason: str
    is_zero_loss_tail: bool = False
    channels_left: int = 0
    channels_before: int = 0
    bump: float | None = None
    unit: str = ""
    lost: NotCounting | None = None
    cut_off: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def choices(self) -> Settings:
        """In plain words."""
        if self.is_zero_loss_tail:
            tail = Choice("zero-loss tail", "taken from the other side of the peak")
            return {"background": tail}
        if not self.ranges:
            return {"background": Choice(None, f"left alone: {self.reason}")}
        several = len(self.ranges) > 1
        windows = f"{len(self.ranges)} windows" if several else "window"
        name = "power law" if self.shape == "auto" else self.shape
        value = self.ranges if several else self.ranges[0]
        beside = ""
        if self.bump is not None:
            beside = f", beside a bump at {self.bump:.4g} {self.unit}".rstrip()
        if self.lost is not None:
            beside += f"; cut to the channels that count, {self.lost.described} left out"
        said = {"background": Choice(value, f"{name}, {windows} {self.reason}{beside}")}
        if self.channels_left < LEAST_LEFT * self.channels_before:
            hint = (
                f"the window leaves {self.channels_left} of {self.channels_before} channels: what "
                "is analysed begins at the window, for nothing is known of the background below "
                "it. Give one before the first edge"
            )
            short = f"The background window leaves only {self.channels_left} channels."
            said |= caution("background window", hint, short, MISSING + 0.9)
        return said | self._of_edges()

    def _of_edges(self) -> Settings:
        """Which edges of the listed elements are not analysed."""
        said: Settings = {}
        if self.cut_off:
            is_one = len(self.cut_off) == 1
            them = "it" if is_one else "them"
            said |= caution(
                "edges cut off",
                f"{in_words(self.cut_off)} {self.unit} {'is' if is_one else 'are'} below the "
                "background window, where nothing is known of the background, and so not in the "
                f"result: there is no room for a window before {them}. Measure from lower energies "
                f"on to analyse {them} too",
                f"{in_words(self.cut_off)} {self.unit} not analysed: below the background window.",
                MISSING + 0.9,
            )
        if self.unseen:
            is_one = len(self.unseen) == 1
            said |= caution(
                "elements",
                f"{in_words(self.unseen)} {'is' if is_one else 'are'} listed, without an edge in "
                "what is analysed: no component shows where such an element is. Choose a range and "
                "a window that leave its edge in, or take it off metadata.Sample.elements",
                f"{in_words(self.unseen)} listed, without an edge in what is analysed.",
                MISSING + 0.5,
            )
        if self.elsewhere:
            names = tuple(name.split(" ")[0] for name in self.elsewhere)
            reason = f"listed, but without an edge on this axis: {', '.join(self.elsewhere)}"
            said["elements not seen"] = Choice(names, reason)
        return said


def choose_background(
    background: Any,
    shape: str,
    low_loss: AnalysedLowLoss | None,
    image: Image,
    *,
    is_cut: bool = False,
) -> tuple[Image, Window, BackgroundFinding]:
    """The window, and the image from there on: below it the background is not known.

    ``is_cut`` tells that the image is one from a former window on, in which the new one must lie.

    Raises
    ------
    TypeError, ValueError
        If a window that is given does not fit.
    """
    if low_loss is not None and low_loss.method == "log" and isinstance(background, str):
        window = background_window(background, shape, image)  # the words are checked
        window = Window(0, 0, "the low loss has none but the zero-loss peak's tail")
        return image, window, BackgroundFinding((), shape, window.reason, is_zero_loss_tail=True)
    window = background_window(background, shape, image, is_cut=is_cut)
    is_given = background is not None and not isinstance(background, str)
    lost = not_counting(windows_asked_for(background), image) if is_given else None
    return with_window(window, shape, image, lost)


def with_window(
    window: Window, shape: str, image: Image, lost: NotCounting | None = None
) -> tuple[Image, Window, BackgroundFinding]:
    """The image from a window on, the window in its channels, and what is said of it."""
    if not window.found:
        return image, window, BackgroundFinding((), shape, window.reason)
    energies, before = image.energies, len(image.blocks.channels)
    spans = ((window.start, window.stop), *window.others)
    ranges = tuple((float(energies[a]), float(energies[b - 1])) for a, b in spans)
    if _only_behind(shape, image):
        first = min(window.channels)
        image = image.drop_channels_before(int(image.blocks.channels[first]))
        window = window.moved(first)
    left = len(image.blocks.channels)
    is_automatic, edges = lost is None, _edges(image)
    unseen = _unseen(edges, image, energies[0] if is_automatic else image.energies[0])
    finding = BackgroundFinding(
        ranges,
        shape,
        window.reason,
        channels_left=left,
        channels_before=before,
        bump=window.bump,
        unit=_unit(image),
        lost=lost if lost is not None and lost.described else None,
        cut_off=_cut_off(edges, energies, image.energies) if is_automatic else (),
        unseen=tuple(k for k, is_near in unseen.items() if is_near),
        elsewhere=tuple(k for k, is_near in unseen.items() if not is_near),
    )
    return image, window, finding


def _edges(image: Image) -> dict[str, float]:
    """Shells of the listed elements, and where their edges begin."""
    return features(image.frame) if base_type(image.frame) == "EELS" else {}


def _cut_off(edges: dict[str, float], before: Floats, after: Floats) -> tuple[str, ...]:
    """Edges on the channels before the window was chosen, but not on those from it on."""
    return tuple(f"{k} at {e:.4g}" for k, e in edges.items() if before[0] < e < after[0])


def _unseen(edges: dict[str, float], image: Image, first: float) -> dict[str, bool]:
    """Elements without an edge from the energy ``first`` on, with where their edges are.

    Whether one of these is on the axis as recorded, or so shortly before it that its tail is in the
    background.
    """
    recorded = np.asarray(image.frame.axes_manager.signal_axes[0].axis)
    of_elements: dict[str, dict[str, float]] = {}
    for name, energy in edges.items():
        of_elements.setdefault(name.split("-")[0], {})[name] = energy
    unseen = {}
    for element, own in of_elements.items():
        if not any(first <= e <= image.energies[-1] for e in own.values()):
            where = ", ".join(f"{name} at {e:.4g}" for name, e in own.items())
            near = [TAIL_SHARE * recorded.min() <= e <= recorded.max() for e in own.values()]
            unseen[f"{element} ({where})"] = any(near)
    return unseen


def _unit(image: Image) -> str:
    units = image.frame.axes_manager.signal_axes[0].units
    return units if isinstance(units, str) else ""


def is_cut_by(finding: BackgroundFinding, image: Image) -> bool:
    """Whether the image begins at this window."""
    return bool(finding.ranges) and _only_behind(finding.shape, image)


def _only_behind(shape: str, image: Image) -> bool:
    """Whether a background of this shape is not known below its window."""
    return shape != "offset" and (shape != "polynomial" or base_type(image.frame) == "EELS")


def background_window(background: Any, shape: str, image: Image, *, is_cut: bool = False) -> Window:
    """Window of the pre-edge background: the one asked for, or the one that the data show."""
    if background is None:
        return Window(0, 0, "not asked for")
    if not isinstance(background, str):
        return given_window(background, shape, image, is_cut)
    if background == "auto":
        return automatic_window(image)
    raise TypeError(f"background={background!r} is not understood: 'auto', None or (start, end).")
