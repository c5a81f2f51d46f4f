"""Of how many pixels a low loss is, against power laws cut in two."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.low_loss.pixels_in_one import pixels_in_one

LOW = np.arange(10, 300, 1.0)


def law(energies, power=3.0):
    return 1e9 * energies**-power


@pytest.mark.parametrize("power", [2.5, 3.0, 4.0])
@pytest.mark.parametrize("start", [280.0, 420.0, 700.0])
@pytest.mark.parametrize("factor", [0.6, 1.0, 1.6])
def test_one_pixel_and_all(power, start, factor):
    """Truth: one law; an edge between the two and a wrong exposure may make a factor of 1.6."""
    core = np.arange(start, start + 300, 1.0)
    for summed in (1, 1024):
        found = pixels_in_one(summed * law(LOW, power) * factor, LOW, law(core, power), core, 1024)
        assert found == summed


def test_what_cannot_be_told():
    """A gap from 60 to 700 eV, a scan of six pixels, and a ratio that is neither."""
    short, core = np.arange(10, 60, 1.0), np.arange(700, 900, 1.0)
    assert pixels_in_one(law(short), short, law(core), core, 100) is None
    near = np.arange(350, 600, 1.0)
    assert pixels_in_one(6 * law(LOW), LOW, law(near), near, 6) is None
    assert pixels_in_one(30 * law(LOW), LOW, law(near), near, 1024) is None
    assert pixels_in_one(0 * LOW, LOW, law(near), near, 1024) is None
