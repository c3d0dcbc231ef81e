"""Counts of the demonstration data that no notebook of the gallery releases: computed here, in the clear, to be searched for."""

from __future__ import annotations

import polars as pl

from secureframe.datasets import DEMONSTRATIONS


def _counts() -> dict[str, int]:
    nafld, cancer = DEMONSTRATIONS["nafld"].tables(), DEMONSTRATIONS["breast-cancer"].tables()
    patients = pl.read_parquet(nafld["hospital"]["patients"].source)
    labs = pl.read_parquet(nafld["laboratory"]["labs"].source)
    events = pl.read_parquet(nafld["registry"]["events"].source)
    rotterdam = pl.read_parquet(cancer["rotterdam"]["tumours"].source)
    pressures = labs.filter(pl.col("test") == "sbp")
    return {
        "measurements": len(labs),
        "pressures": len(pressures),
        "persons at the laboratory": labs["id"].n_unique(),
        "persons with a pressure": pressures["id"].n_unique(),
        "diagnoses": len(events),
        "persons at the registry": events["id"].n_unique(),
        "persons known to all three": len(patients.join(labs, on="id", how="semi").join(events, on="id", how="semi")),
        "patients without a laboratory value": len(patients.join(labs, on="id", how="anti")),
        "patients without a diagnosis": len(patients.join(events, on="id", how="anti")),
        "women in Rotterdam with a relapse alone": rotterdam.filter((pl.col("recur") == 1) & (pl.col("death") == 0)).height,
    } | {f"records of {name}": count for name, count in events["event"].value_counts().iter_rows()}


COUNTS = {name: count for name, count in _counts().items() if count >= 5_000}
"""By what they count; smaller numbers may well be released of other people."""
