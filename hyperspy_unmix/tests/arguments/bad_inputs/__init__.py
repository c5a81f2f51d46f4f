"""The table of bad input: what is given, and what happens. `test_bad_input` runs every row.

``python docs/write_bad_input.py`` writes the page of the guide from it.
"""

from hyperspy_unmix.tests.arguments.bad_inputs.known import KNOWN
from hyperspy_unmix.tests.arguments.bad_inputs.limits import LIMITS
from hyperspy_unmix.tests.arguments.bad_inputs.low_loss import LOW_LOSS
from hyperspy_unmix.tests.arguments.bad_inputs.masks import MASKS
from hyperspy_unmix.tests.arguments.bad_inputs.options import (
    BACKGROUND,
    NOISE,
    NUMBER,
    RANGE,
    WORDS,
)
from hyperspy_unmix.tests.arguments.bad_inputs.rows import (
    Accepted,
    Refused,
    Row,
    cell,
    in_words,
    shown,
)
from hyperspy_unmix.tests.arguments.bad_inputs.signal import AXES, SIGNAL
from hyperspy_unmix.tests.arguments.bad_inputs.thickness import THICKNESS
from hyperspy_unmix.tests.arguments.bad_inputs.types import TYPES
from hyperspy_unmix.tests.arguments.bad_inputs.values import VALUES

__all__ = ["ROWS", "TOPICS", "Accepted", "Refused", "Row", "cell", "in_words", "shown"]

TOPICS: dict[str, list[Row]] = {
    "The signal": SIGNAL,
    "Its axes and its title": AXES,
    "Its values": VALUES,
    "Offsets, very large and very small values": LIMITS,
    "Types of number, and how they are stored": TYPES,
    "Masks": MASKS,
    "The low loss": LOW_LOSS,
    "The thickness, the exposure": THICKNESS,
    "The number of components": NUMBER,
    "The background": BACKGROUND,
    "The range": RANGE,
    "The noise": NOISE,
    "What is known": KNOWN,
    "Other options": WORDS,
}
ROWS = [row for rows in TOPICS.values() for row in rows]
