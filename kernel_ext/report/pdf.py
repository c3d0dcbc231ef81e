"""A report as PDF, printed by chromium without a window and without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from secureframe.errors import SecureFrameError

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge")
VARIABLE = "SECUREFRAME_CHROMIUM"
"""Environment variable: the browser's path, where it is not found by its name."""
SECONDS = 120


def chromium() -> str | None:
    """Return the path of a browser that prints, or None if this machine has none."""
    named = os.environ.get(VARIABLE)
    return next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)


def to_pdf(html_path: str | Path, pdf_path: str | Path) -> None:
    """Print an HTML file that stands on its own.

    Parameters
    ----------
    html_path : str or path
        The report.
    pdf_path : str or path
        Where to; it is there whole or not at all.

    Raises
    ------
    SecureFrameError
        If there is no chromium on this machine, or it could not print.
    """
    browser = chromium()
    if browser is None:
        raise SecureFrameError(
            "a PDF is printed by chromium, and this machine has none; the HTML file is complete without it",
            hint=f"apt-get install chromium, or {VARIABLE}=/path/to/chromium",
        )
    source, target = Path(html_path).resolve(strict=True), Path(pdf_path).resolve()
    with tempfile.TemporaryDirectory(prefix="sf-print-") as directory:
        printed = Path(directory) / "report.pdf"
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--no-pings",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={directory}/profile",
            "--no-pdf-header-footer",
            "--generate-pdf-document-outline",
            f"--print-to-pdf={printed}",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # a sandbox needs a user who is not root
            source.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL)
            status = f"it ended with status {done.returncode}"
        except subprocess.TimeoutExpired:
            status = f"it took more than {SECONDS} seconds"
        except OSError as error:
            status = f"it could not be started: {error.strerror}"
        if not printed.exists() or not printed.read_bytes().startswith(b"%PDF"):
            raise SecureFrameError(f"{browser} did not print the report: {status}", hint=f"{browser} --headless --version")
        shutil.move(printed, target)
