"""A noisy low loss of fine dispersion: as many components as phases, and no fit that gets worse."""

import numpy as np
import pytest

from .noisy_low_loss_scenes import wedge

WINDOW = (436.0, 457.0)


@pytest.mark.parametrize("phases", [1, 2])
@pytest.mark.parametrize("camera", [(100.0, 5.0), (1.0, 1.0)], ids=["camera", "quiet"])
def test_as_many_components_as_phases(phases, camera):
    """Truth: the number of phases; chi-square one, within 5 % (a pixel of 1 000 channels: 4.5 %).

    A component more fits no pixel worse by more than half the noise of its chi-square: the fit
    weighs the channels by their mean noise, chi-square also by that of the model.
    """
    read, gain = camera
    s, low_loss, _ = wedge(read, gain, phases=phases)
    pca = s.pca(low_loss=low_loss, background=WINDOW)
    assert pca.n_components == phases
    fits = [pca.ica(n).reduced_chi_square.data for n in range(phases, phases + 3)]
    assert np.median(fits[0]) == pytest.approx(1, abs=0.05)
    noise = np.sqrt(2 / len(pca.prepared.image.energies))
    assert np.diff(fits, axis=0).max() < 0.5 * noise
