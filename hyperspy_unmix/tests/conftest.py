"""No windows, no progress bars, no figures left over."""

import os

os.environ["MPLBACKEND"] = "agg"

import hyperspy.api as hs
import matplotlib.pyplot as plt
import pytest

hs.preferences.General.show_progressbar = False


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
