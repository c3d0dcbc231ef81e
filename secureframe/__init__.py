"""SecureFrame: pandas-like frames over patient data that stay at their institutions.

``import secureframe as sf`` gives what an analyst types. Begin reading with ``frame.py`` (what a frame is), then
``plan/nodes.py`` (what it stands for). Nothing here imports Ray, IPython or matplotlib; a federation and its backend are
imported when one is opened, and everything but the errors when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from secureframe.errors import (
    ApprovalRequired,
    DisclosureError,
    PartyUnavailable,
    PlanError,
    PolicyError,
    ProtocolAborted,
    RangeError,
    RegistrationError,
    SecureFrameError,
    SuppressedWarning,
)

if TYPE_CHECKING:
    from secureframe.display import footnote
    from secureframe.frame import SecureFrame
    from secureframe.functions import concat, crosstab, cut, table_one, where
    from secureframe.operands import parameter
    from secureframe.pending import Pending, collect, collect_async, defer
    from secureframe.results.receipt import Receipt
    from secureframe.series import SecureSeries

__all__ = [
    "ApprovalRequired",
    "DisclosureError",
    "PartyUnavailable",
    "Pending",
    "PlanError",
    "PolicyError",
    "ProtocolAborted",
    "RangeError",
    "Receipt",
    "RegistrationError",
    "SecureFrame",
    "SecureFrameError",
    "SecureSeries",
    "SuppressedWarning",
    "collect",
    "collect_async",
    "concat",
    "crosstab",
    "cut",
    "defer",
    "footnote",
    "parameter",
    "table_one",
    "where",
]

_LATER = {
    "footnote": "secureframe.display",
    "SecureFrame": "secureframe.frame",
    "concat": "secureframe.functions",
    "crosstab": "secureframe.functions",
    "cut": "secureframe.functions",
    "table_one": "secureframe.functions",
    "where": "secureframe.functions",
    "parameter": "secureframe.operands",
    "Pending": "secureframe.pending",
    "collect": "secureframe.pending",
    "collect_async": "secureframe.pending",
    "defer": "secureframe.pending",
    "Receipt": "secureframe.results.receipt",
    "SecureSeries": "secureframe.series",
    "Federation": "secureframe.federation",
    "connect": "secureframe.starting",
    "demo": "secureframe.starting",
    "simulate": "secureframe.starting",
    "received": "secureframe.inbox",
    "Policy": "secureframe.disclosure.policy",
    "Table": "secureframe.schema.declare",
    "boolean": "secureframe.schema.declare",
    "category": "secureframe.schema.declare",
    "date": "secureframe.schema.declare",
    "decimal": "secureframe.schema.declare",
    "integer": "secureframe.schema.declare",
    "key": "secureframe.schema.declare",
    "mapped": "secureframe.schema.declare",
    "number": "secureframe.schema.declare",
    "string": "secureframe.schema.declare",
    "timestamp": "secureframe.schema.declare",
}
"""Names that are imported when they are first used: what runs at an institution or a party needs no frames and no pandas."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        found = globals()[name] = getattr(import_module(_LATER[name]), name)
        return found
    raise AttributeError(f"module 'secureframe' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_LATER})
