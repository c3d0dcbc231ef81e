"""Widgets for JupyterLab: a federation at a glance, released results to choose from, and an institution's own view.

Begin with ``panel.py``, ``explorer.py`` and ``dashboard.py``; ``parts.py`` holds what they are put together from and ``aside.py``
the threads that keep their work out of the kernel's way. What a widget shows is public or was released: its traits hold nothing
else. Nothing is fetched; the one view of our own lies in ``assets``. Imports ``secureframe`` and ipywidgets, never a backend.
"""

from __future__ import annotations

from kernel_ext.widgets.dashboard import OwnerDashboard, owner_dashboard
from kernel_ext.widgets.explorer import ResultsExplorer, results_explorer
from kernel_ext.widgets.panel import FederationPanel, federation_panel

__all__ = [
    "FederationPanel",
    "OwnerDashboard",
    "ResultsExplorer",
    "federation_panel",
    "owner_dashboard",
    "results_explorer",
]
