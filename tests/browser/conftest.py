"""A JupyterLab server on loopback, a browser that reaches nothing else, and a notebook that is connected.

Where there is no chromium these tests are skipped, and fail if ``SECUREFRAME_REQUIRE`` names ``browser``.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, sync_playwright

from secureframe.federation import Federation
from tests.browser.lab import Lab, found_chromium
from tests.browser.pictures import VIEW, Picture
from tests.conftest import ROOT

LOOPBACK = {"127.0.0.1", "localhost"}
LOCAL = {"file", "data", "blob"}
LAB_SECONDS = 60.0


@pytest.fixture(scope="package")
def chromium() -> str:
    """Where Debian's browser is; it is never downloaded."""
    return found_chromium()


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser that knows no name but this machine's."""
    # As root, which containers often are, it has no sandbox; it shows nothing but pages of this machine.
    known = ", ".join(f"EXCLUDE {name}" for name in LOOPBACK)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--host-resolver-rules=MAP * ~NOTFOUND, {known}"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="package")
def lab(chromium: str, jupyter: Path, hosts: Federation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab server, set as `make lab` sets it, in whose folder lies an invitation to the federation."""
    folder, token = tmp_path_factory.mktemp("lab"), secrets.token_hex(16)
    hosts.invite("reader-in-a-browser", directory=folder / "invited")
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": "0",
        "ServerApp.root_dir": str(folder),
        "ServerApp.allow_root": "True",
        "ServerApp.open_browser": "False",
        "LabApp.expose_app_in_browser": "True",
        "IdentityProvider.token": token,
    }
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
            env={**os.environ, "JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter")},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Lab(url=_address(server, jupyter / "runtime", folder / "server.log"), token=token, folder=folder)
    finally:
        # It ends its kernels before itself.
        server.terminate()
        server.wait(30)


def _address(server: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """Where a server listens, as soon as it does."""
    deadline = time.monotonic() + LAB_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        for path in runtime.glob(f"jpserver-{server.pid}.json"):
            try:
                return str(json.loads(path.read_text())["url"])
            except ValueError:  # it is being written
                pass
        time.sleep(0.05)
    raise AssertionError(f"JupyterLab does not listen:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Pages of one visitor; whatever they ask of other machines is refused, and fails the tests."""
    made = browser.new_context(viewport=VIEW, device_scale_factor=1.5)
    asked: list[str] = []

    def refuse(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in LOCAL or address.hostname in LOOPBACK:
            route.fallback()
        else:
            asked.append(route.request.url)
            route.abort()

    made.route("**/*", refuse)
    yield made
    made.close()
    assert asked == [], "pages ask nothing of other machines"


@pytest.fixture
def picture() -> Picture:
    """Takes pictures for the documentation, if they are wanted."""
    return Picture()
