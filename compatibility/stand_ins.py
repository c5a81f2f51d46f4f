"""What both runs get in the place of a download, so that fewer tests have to be left out."""

from functools import wraps

import numpy as np

__all__ = ["replace_downloads"]


def replace_downloads() -> None:
    """Give exspy its hydrogenic table for the downloaded ones, and SciPy pictures to return."""
    _use_hydrogenic_table()
    _use_own_pictures()


def _use_hydrogenic_table() -> None:
    from exspy.components.eels_cl_edge import EELSCLEdge

    initialise = EELSCLEdge.__init__

    @wraps(initialise)
    def hydrogenic(self, element_subshell, GOS="dft", gos_file_path=None):
        if gos_file_path is None and GOS in ("dft", "dirac", "gosh"):
            GOS = "hydrogenic"
        initialise(self, element_subshell, GOS, gos_file_path)

    EELSCLEdge.__init__ = hydrogenic


def _use_own_pictures() -> None:
    import scipy.datasets

    rng = np.random.default_rng(0)
    ascent = rng.integers(0, 256, (512, 512), dtype=np.uint8)
    face = rng.integers(0, 256, (768, 1024, 3), dtype=np.uint8)
    scipy.datasets.ascent = ascent.copy
    scipy.datasets.face = lambda gray=False: face[..., 0].copy() if gray else face.copy()
