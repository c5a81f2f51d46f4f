"""Phases of a signal, without unmixing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperspy_unmix.arguments.checks import (
    NumberOfComponents,
    check_false_alarm,
    check_random_state,
)
from hyperspy_unmix.arguments.code_to_repeat import call
from hyperspy_unmix.arguments.options import read_options, takes_preprocessing

from .pca import PCA
from .phases import Phases, phases_of

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


@takes_preprocessing()
def phases(
    signal: BaseSignal,
    n_components: int | NumberOfComponents = "auto",
    *,
    false_alarm: float = 0.01,
    random_state: int = 0,
    **preprocessing: Any,
) -> Phases:
    """Homogeneous regions of a spectrum image: pixels that differ by noise and intensity only.

    Nothing is unmixed and no number is given: phases are spectra that many pixels share, found in
    one half of the noise and judged in the other. Pixels between them, on boundaries, overlaps and
    ranges of composition, are mixed. Where nothing but a range is there, its ends are shown.

    Parameters
    ----------
    signal, n_components, **preprocessing
        As in `unmix`; phases are told apart in the scores of so many principal components.
    false_alarm : float
        Probability that one phase or more is found that is not there.
    random_state : int
        Of the halves of the noise.

    Returns
    -------
    Phases
        ``.labels``, ``.spectra``, ``.areas``, ``.plot()``.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message says what is needed.

    Examples
    --------
    >>> from hyperspy_unmix import data, phases
    >>> signal, *_ = data.eds_phases()
    >>> found = phases(signal)
    >>> len(found)
    8
    """
    check_false_alarm(false_alarm)
    check_random_state(random_state)
    compressed = PCA.of_signal(signal, n_components, read_options("phases", preprocessing))
    how = {"false_alarm": false_alarm, "random_state": random_state}
    code = call("s.phases", n_components=n_components, **how, **preprocessing)
    return phases_of(compressed, compressed.n_components, false_alarm, random_state, (code,))
