"""Recipes: the choices of a result as TOML and back, and many files on the command line."""

import csv
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hyperspy_unmix
from hyperspy_unmix import __main__, batch
from hyperspy_unmix.arguments.recipe import Asked
from hyperspy_unmix.tests.scenes import SHAPE, calibrated, counts, edge_on_background, two_phases

numbers = st.floats(-1e6, 1e6, allow_nan=False)
ranges = st.tuples(numbers, numbers)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "n_components": st.one_of(st.integers(1, 20), st.sampled_from(["elbow", "noise_edge"])),
        "algorithm": st.sampled_from(["fastica", "nmf", "mcr-als"]),
        "refine": st.none(),
        "assume": st.sampled_from(["pure", "overlap"]),
        "random_state": st.integers(1, 2**31),
        "low_loss": st.none(),
        "surface_losses": st.one_of(numbers, ranges),
        "exposure_ratio": numbers,
        "background": st.one_of(st.none(), ranges, st.lists(ranges, min_size=1, max_size=3)),
        "background_type": st.sampled_from(["power law", "polynomial"]),
        "energy_shift": st.sampled_from([None, "spectra"]),
        "spikes": st.none(),
        "signal_range": ranges,
        "noise": st.sampled_from(["poisson", "uniform"]),
    },
)


@settings(max_examples=50, deadline=None)
@given(OPTIONS)
def test_a_recipe_gives_the_same_options(tmp_path_factory, options):
    """Truth: what was asked for."""
    file = tmp_path_factory.mktemp("recipe") / "r.toml"
    file.write_text(Asked().updated(**options).text({"n_components": 3}), encoding="utf-8")
    assert hyperspy_unmix.read_recipe(file) == options


def test_defaults_and_what_is_no_choice_are_left_out():
    asked = Asked().updated(n_components="auto", background="auto", store=True, known=None)
    assert asked == Asked()
    assert asked.updated(spikes=None).updated(spikes="auto") == Asked()
    assert Asked().updated(n_components=np.int64(3)).options == {"n_components": 3}


@settings(max_examples=30, deadline=None)
@given(st.text())
def test_any_word_is_toml(word):
    if not any(0xD800 <= ord(character) <= 0xDFFF for character in word):
        assert tomllib.loads(Asked({"x": word}).text({}))["x"] == word


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    u = two_phases().pca(2, noise="poisson").ica(assume="pure")
    u.recipe(folder / "r.toml")
    for i in (1, 2):
        calibrated(counts(seed=i)).save(folder / f"s{i}.hspy")
    (folder / "s3.hspy").write_text("no file of HyperSpy's")
    return folder, u


def test_the_same_choices_give_the_same_result(recipe):
    folder, u = recipe
    options = hyperspy_unmix.read_recipe(folder / "r.toml")
    assert options == {"n_components": 2, "noise": "poisson", "assume": "pure"}
    again = two_phases().unmix(**options, store=False)
    np.testing.assert_array_equal(again.maps.data, u.maps.data)
    assert again.recipe() == u.recipe() == (folder / "r.toml").read_text(encoding="utf-8")
    assert u.alternatives["overlap"].asked.options["assume"] == "overlap"


def test_what_was_found_is_a_comment(tmp_path):
    """Without its # it holds for every file."""
    u = edge_on_background().unmix(store=False)
    text = u.recipe(tmp_path / "r.toml")
    assert tomllib.loads(text) == {}
    found = text.split("every file:\n")[1].replace("# ", "")
    (tmp_path / "r.toml").write_text(found, encoding="utf-8")
    options = hyperspy_unmix.read_recipe(tmp_path / "r.toml")
    assert options["n_components"] == u.n_components
    window = options["background"]
    again = edge_on_background().unmix(**options, store=False)
    assert again.settings["background"].value == pytest.approx(window)


def test_arrays_and_signals_are_named_and_asked_for(tmp_path):
    s, mask = two_phases(), np.zeros(SHAPE, bool)
    mask[0] = True
    spectrum = s.unmix(2, store=False).spectra.inav[0]
    options = {"navigation_mask": mask, "known": {"a": spectrum}}
    u = s.unmix(2, store=False, **options)
    text = u.recipe(tmp_path / "r.toml")
    assert tomllib.loads(text)["missing"] == ["known", "navigation_mask"]
    with pytest.raises(ValueError, match=r"made with known, navigation_mask.*read_recipe\("):
        hyperspy_unmix.read_recipe(tmp_path / "r.toml")
    # What it says works: a file beside it, and the option itself.
    spectrum.save(tmp_path / "a.hspy")
    (tmp_path / "r.toml").write_text(text.replace("missing", 'known.a = "a.hspy"\nmissing'))
    options = hyperspy_unmix.read_recipe(tmp_path / "r.toml", navigation_mask=mask)
    again = s.unmix(**options, store=False)
    np.testing.assert_allclose(again.maps.data, u.maps.data)
    with pytest.raises(ValueError, match="the spectra of this result were given"):
        u.apply(s).recipe()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("componnents = 3", "no option 'componnents'; there are n_components"),
        ("n_components = ", "no recipe.*TOML"),
        ('noise = "gone.hspy"', "gone.hspy is not there"),
        ("known = 3", "known is a table"),
    ],
)
def test_what_is_no_recipe(tmp_path, text, words):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ValueError, match=words):
        hyperspy_unmix.read_recipe(tmp_path / "r.toml")


def test_places(recipe, tmp_path):
    _, u = recipe
    with pytest.raises(ValueError, match=r"a recipe is a \.toml"):
        u.recipe(tmp_path / "r.txt")
    with pytest.raises(FileNotFoundError, match="no folder"):
        u.recipe(tmp_path / "none" / "r.toml")
    with pytest.raises(FileNotFoundError, match=r"u\.recipe"):
        hyperspy_unmix.read_recipe(tmp_path / "r.toml")


# ----------------------------------------------------------------------------- the command line


def rows(folder):
    with (folder / batch.TABLE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_many_files_one_that_cannot_be_read(recipe, tmp_path, capsys):
    """It stops no other, and shows in the status."""
    folder, _ = recipe
    given = [str(folder / "s[13].hspy"), "--recipe", str(folder / "r.toml"), "-o", str(tmp_path)]
    assert __main__.main(given) == 1
    printed = capsys.readouterr()
    first, third = rows(tmp_path)
    assert (first["components"], third["components"]) == ("2", "failed")
    assert float(first["reduced chi-square"]) == pytest.approx(1, abs=0.1)
    assert first["shares"].count("%") == 2
    assert "s3.hspy" in printed.err
    assert "could not be read" in third["warnings"]
    assert hyperspy_unmix.load(tmp_path / "s1_result.hspy").asked.options["assume"] == "pure"
    # Again without --overwrite: nothing is computed, and that is said.
    assert __main__.main(given) == 1
    assert "would be replaced" in capsys.readouterr().err


def test_files_together(recipe, tmp_path, capsys):
    """Those that can be read have the same spectra."""
    folder, _ = recipe
    given = ["--joint", "--recipe", str(folder / "r.toml"), "-o", str(tmp_path)]
    assert __main__.main([str(folder / "s*.hspy"), *given]) == 1
    assert [row["components"] for row in rows(tmp_path)] == ["2", "2", "failed"]
    assert "s3.hspy" in capsys.readouterr().err
    first, second = (hyperspy_unmix.load(tmp_path / f"s{i}_result.hspy") for i in (1, 2))
    np.testing.assert_array_equal(first.spectra.data, second.spectra.data)


def test_options_of_the_command_line_come_before_the_recipe(recipe):
    file = str(recipe[0] / "r.toml")
    options = __main__._parser().parse_args(["s.hspy", "--recipe", file, "--components", "1"])
    chosen = __main__._choices(options, None)
    assert chosen == {"n_components": 1, "noise": "poisson", "assume": "pure"}
    without = __main__._parser().parse_args(["s.hspy", "--assume", "overlap"])
    assert __main__._choices(without, None) == {"assume": "overlap", "low_loss": None}


def test_names_and_low_losses():
    files = ["a/scan.dm4", "b/scan.dm4", "c/scan-2.dm4"]
    assert batch.names_of(files) == ["scan", "scan-2", "scan-2-2"]
    assert batch.one_for_each(files, [], "") == [None] * 3
    assert batch.one_for_each(files, ["l"], "") == ["l"] * 3
    with pytest.raises(ValueError, match="--low-loss: 2 files for 3"):
        batch.one_for_each(files, ["l", "m"], "--low-loss")
