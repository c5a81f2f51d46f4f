"""No windows, no progress bars, no figures left over."""

import os

os.environ["MPLBACKEND"] = "agg"
# tiny arrays: the threads of parallel test runs would only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hyperspy.api as hs
import matplotlib.pyplot as plt
import pytest

hs.preferences.General.show_progressbar = False


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
