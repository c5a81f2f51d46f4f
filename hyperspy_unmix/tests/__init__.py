"""Tests; they travel with the package, so that an installed copy can be tested."""
