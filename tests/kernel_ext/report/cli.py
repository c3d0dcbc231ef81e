"""``python -m tests.kernel_ext.report.cli NOTEBOOK ...``: the command as it is installed, for tests that need a process."""

from __future__ import annotations

from kernel_ext.report.command import app

if __name__ == "__main__":
    app()
