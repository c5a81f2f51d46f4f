"""No windows, no progress bars, no figures left over."""

import os
from importlib.util import find_spec

os.environ["MPLBACKEND"] = "agg"
# tiny arrays: the threads of parallel test runs would only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hyperspy.api as hs
import matplotlib.pyplot as plt
import pytest

hs.preferences.General.show_progressbar = False


def pytest_collection_modifyitems(items):
    """HyperSpy writes .zspy only where zarr is, which is in the extra `all`."""
    if find_spec("zarr") is None:
        without = pytest.mark.skip(reason="no zarr: hyperspy-unmix[all]")
        for item in items:
            if "zspy" in item.name.lower():
                item.add_marker(without)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
