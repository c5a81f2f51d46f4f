"""A notebook in JupyterLab, in a real browser: the slider moves, the picture changes."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no chromium on this machine")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
PATIENCE = 60_000  # ms; a kernel that imports HyperSpy on a busy machine
CODE = """
from hyperspy_unmix import data
s, ll, truth = data.inclined_boundary(shape=(16, 16))
tool = s.unmix(interactive=True, low_loss=ll)
tool.result.plot_overview()
"""


@contextmanager
def page(**options):
    """A page of the browser."""
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=list(ARGUMENTS))
        try:
            context = browser.new_context(viewport={"width": 1300, "height": 1200}, **options)
            yield context.new_page()
        finally:
            browser.close()


def pictures_folder(tmp_path):
    """Where screenshots go: to be kept if the environment says where."""
    return os.environ.get("HYPERSPY_UNMIX_SCREENSHOTS", str(tmp_path))


@contextmanager
def jupyterlab(folder):
    """The address of a server, which ends with the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"ip": "127.0.0.1", "port": port, "token": "", "root_dir": str(folder)}
    options = [f"--ServerApp.{name}={value}" for name, value in given.items()]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *options]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    own = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "RUNTIME")}
    environment = {**os.environ, **own, "IPYTHONDIR": str(folder / "ipython")}
    # the tests' own choice would be the kernel's
    environment.pop("MPLBACKEND", None)
    with open(folder / "server.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api/status", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.25)
        yield address
    finally:
        server.kill()
        server.wait(20)


def notebook(folder, code):
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "cells": [{**cell, "id": "one", "source": code}],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "test.ipynb").write_text(json.dumps(content))


def test_slider_and_buttons_in_jupyterlab(tmp_path):
    """Without ipympl: the picture is an image beside the widgets."""
    notebook(tmp_path, CODE)
    with jupyterlab(tmp_path) as address, page() as lab:
        lab.set_default_timeout(PATIENCE)
        lab.goto(f"{address}/lab/tree/test.ipynb")
        lab.wait_for_selector(".jp-Notebook .jp-CodeCell")
        lab.wait_for_function("window.jupyterapp !== undefined")
        # the notebook says that its kernel is idle before it has one, and then asks which to take
        lab.wait_for_function(
            "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel"
            "?.connectionStatus === 'connected'"
        )
        # without its promise, which has no time limit
        lab.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        picture = lab.wait_for_selector(".jp-OutputArea-output img")
        lab.wait_for_function(
            "document.querySelector('.jp-OutputArea-output img').naturalWidth > 0"
        )

        def source():
            return picture.get_attribute("src")

        def wait_for_another(before):
            for _ in range(PATIENCE // 100):
                if source() != before:
                    return
                lab.wait_for_timeout(100)
            raise AssertionError("the picture did not change")

        before = source()
        lab.locator(".widget-slider .noUi-handle").first.press("ArrowRight")
        wait_for_another(before)
        lab.get_by_text("s.unmix(3, low_loss=low_loss)").wait_for()
        before = source()
        lab.get_by_role("button", name="Flip").click()
        wait_for_another(before)
        lab.get_by_role("button", name="Undo").click()
        lab.get_by_label("Name").fill("oxide")
        lab.get_by_label("Name").press("Enter")
        lab.get_by_role("button", name="Apply").click()
        lab.get_by_text("Applied.").wait_for()
        lab.get_by_text("rename(['oxide', '1', '2'])").wait_for()
        # the tool's, and the overview's: once, though it is the value of the cell as well
        assert lab.locator(".jp-OutputArea-output img").count() == 2
        lab.screenshot(path=f"{pictures_folder(tmp_path)}/jupyterlab.png")


def test_report_opens_without_a_network(tmp_path):
    """Nothing is asked for but the file, every picture is shown, nothing is wider than the page."""
    from hyperspy_unmix import data

    made = data.core_shell(shape=(20, 20))
    u = made.signal.unmix(3, low_loss=made.low_loss, store=False)
    u.rename(["film", "<script>document.title = 'bad'</script>", "core"]).report(
        tmp_path / "report.html"
    )
    with page(offline=True) as shown:
        asked = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.goto((tmp_path / "report.html").as_uri())
        widths = shown.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
        assert len(widths) == 5
        assert min(widths) > 300
        assert [a for a in asked if not a.startswith("data:")] == [shown.url]
        assert shown.title().startswith("Unmixing of Core-shell")
        assert shown.evaluate("document.body.scrollWidth <= window.innerWidth")
        shown.screenshot(path=f"{pictures_folder(tmp_path)}/report.png", full_page=True)
