"""What must not be in a notebook is found wherever it is planted; what may be there is not taken for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import polars as pl
import pytest

from secureframe.datasets import DEMONSTRATIONS
from tests.notebooks.conftest import add_keys
from tests.notebooks.hidden import COUNTS
from tests.notebooks.search import Forbidden

PATIENTS = pl.read_parquet(DEMONSTRATIONS["nafld"].tables()["hospital"]["patients"].source)
LABS = pl.read_parquet(DEMONSTRATIONS["nafld"].tables()["laboratory"]["labs"].source)
RELEASED = pd.DataFrame({"count": [7201, 5387], "mean": [30.073865, 29.9], "median": [29.1]*2}, index=["no", "yes"])  # fmt: skip


def showing(*outputs: Any, metadata: dict[str, Any] | None = None) -> nbformat.NotebookNode:
    """A notebook whose only cell shows something, as a kernel would write it."""
    made = []
    for shown in outputs:
        data = {"text/plain": repr(shown)} | ({"text/html": shown._repr_html_()} if hasattr(shown, "_repr_html_") else {})
        made.append(nbformat.v4.new_output("display_data", data=data))
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=made)], metadata=metadata or {})


def widget(state: dict[str, Any]) -> dict[str, Any]:
    """A notebook's metadata with one widget's state."""
    model = {"model_name": "TableModel", "model_module": "x", "state": state}
    return {"widgets": {"application/vnd.jupyter.widget-state+json": {"version_major": 2, "state": {"0123": model}}}}


def rows(skip: int, count: int) -> pd.DataFrame:
    return pd.DataFrame(PATIENTS.slice(skip, count).to_dict(as_series=False))


PLANTED = {
    "a row as a tuple": showing(PATIENTS.row(1_234)),
    "rows as a table": showing(rows(100, 3)),
    "rows as polars shows them": showing(LABS.slice(2_000, 3)),
    "a column as a list": showing(PATIENTS["age"].slice(500, 8).to_list()),
    "two columns beside each other": showing(rows(900, 8)[["age", "weight"]]),
    "a measurement in full": showing(PATIENTS["bmi"][1]),
    "a count that was not released": showing(COUNTS["persons at the laboratory"]),
    "the same with a comma": showing({"n": f"{COUNTS['measurements']:,}"}),
    "a row in a cell's metadata": nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("", metadata={"seen": list(PATIENTS.row(77))})]
    ),
    "a row in a widget's trait": showing(RELEASED, metadata=widget({"data": [list(LABS.row(5_000)), list(LABS.row(5_001))]})),
    "a row in a widget's text": showing(RELEASED, metadata=widget({"_data": json.dumps(PATIENTS.row(4_321))})),
    "a path": showing("/tmp/sf-x1y2/registry/results"),
    "a key": showing("-----BEGIN PRIVATE KEY-----"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(forbidden: Forbidden, what: str) -> None:
    notebook = PLANTED[what]
    assert forbidden.found(notebook), what
    nbformat.validate(notebook)


def test_what_is_found_is_not_said(forbidden: Forbidden) -> None:
    told = " ".join(forbidden.found(PLANTED["a row as a tuple"]))
    assert not any(str(value) in told for value in PATIENTS.row(1_234) if len(str(value)) > 1)


def test_released_tables_are_not_taken_for_rows(forbidden: Forbidden) -> None:
    progress = "4/4 release: 219 rounds, 28.31 MB, 1.10 s; hospital, laboratory, registry"
    index = pd.DataFrame({"n": range(10, 40)})
    assert forbidden.found(showing(RELEASED, progress, index, metadata=widget({"value": 17, "options": ["age", "sbp"]}))) == []


def test_keys_are_found_in_every_spelling(tmp_path: Path) -> None:
    from ray_cluster.identities import ProcessIdentity
    from secureframe.governance.identity import AnalystIdentity

    analyst = AnalystIdentity.generate("ana")
    ProcessIdentity.of("ana", analyst.signing_key).save(tmp_path / "identity.pem")
    found = Forbidden()
    assert add_keys(found, tmp_path) == 1
    raw = analyst.signing_key.private_bytes_raw()
    assert found.found(showing(raw)) and found.found(showing(raw.hex()))
