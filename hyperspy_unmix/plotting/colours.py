"""The colours of maps, errors, composites and scale bars."""

import numpy as np

MAP = "viridis"  # matplotlib's name of the colour map of maps
MISFIT = "cividis"  # of what is no map of a component: chi-square, standard deviations
# Blue, orange and near white are told apart by those who do not see red or green, and by lightness.
COMPOSITE = np.array([[0.0, 0.35, 0.75], [0.95, 0.55, 0.0], [0.93, 0.93, 0.93]])
MISSING = (0.5, 0.5, 0.5)  # of a pixel without any of the components
SCALE_BAR = "tab:orange"  # seen on black and on white; HyperSpy's own is white
