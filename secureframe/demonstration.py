"""The demonstration: the NAFLD study over three institutions, start to finish, on this machine.

``make demo`` runs it. Everything it prints after a statement is what any statement reports of itself: seconds, rounds, bytes,
and what left which institution.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import pandas as pd

import secureframe as sf

OUTPUT = Path("demo-output")


def say(title: str) -> None:
    """Print a heading."""
    print(f"\n=== {title}", flush=True)


def show(fed: sf.Federation, result: object) -> None:
    """Print a result with its footnote, and what it took."""
    print(result if not isinstance(result, pd.DataFrame | pd.Series) else result.to_string())
    note = sf.footnote(result)
    if note:
        print(f"  [{note}]")
    print("  took " + str(fed.last_job).replace("\n", "\n  "), flush=True)


def main() -> None:
    """Run the studies and print them."""
    started = time.perf_counter()
    warnings.simplefilter("always", sf.SuppressedWarning)
    pd.set_option("display.width", 160)
    for title, name, show_study in (
        ("a hospital, a laboratory and a registry: other facts about the same people", "nafld", vertical),
        ("two countries: the same facts about other people", "breast-cancer", horizontal),
        ("patients at two hospitals, facts about all of them at a laboratory and a registry", "nafld-mixed", mixed),
    ):
        say(title)
        begun = time.perf_counter()
        with sf.demo(name) as fed:
            print(f"every institution has its own processes, keys and links: up in {time.perf_counter() - begun:.1f} s")
            for member in fed.members:
                print(f"  {member!r}")
            show_study(fed)
    print(f"\nall of it in {time.perf_counter() - started:.1f} s; no row left an institution")


def vertical(fed: sf.Federation) -> None:
    """Cases and controls of 50 or older, with blood pressure, cholesterol and first myocardial infarction."""
    say("fed.catalog")
    print(fed.catalog)
    patients, labs, events = fed["hospital.patients"], fed["laboratory.labs"], fed["registry.events"]
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    chol = labs[labs["test"] == "chol"].sort_values("days").groupby("id").agg(chol=("value", "last"))
    mi = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
    adults = patients[patients["age"] >= 50].assign(case=patients["case_id"] == patients["id"])
    measured = sbp.merge(chol, on="id", how="left")
    cohort = adults.merge(measured, on="id").merge(mi, on="id", how="left")
    cohort = cohort.assign(
        mi=cohort["first_mi"].notna(),
        band=sf.cut(cohort["age"], [50, 60, 70, 80, 100], right=False, labels=["50s", "60s", "70s", "80+"]),
        pressure=sf.cut(cohort["sbp"], [0, 90, 110, 130, 150, 170, 400], labels=["-90", "-110", "-130", "-150", "-170", ">170"]),
    )

    say("cohort.explain(): where each step is computed")
    print(cohort.explain())

    say("one institution alone: patients.groupby('male')['age'].agg([...])")
    show(fed, patients.groupby("male")["age"].agg(["count", "mean", "std", "median"]))

    say("explain() of Table 1: places, what is sent, what each role learns, rounds and bytes")
    columns = ["age", "male", "bmi", "sbp", "chol", "mi"]
    with sf.defer():
        pending = sf.table_one(cohort, by="case", columns=columns)
    print(pending.explain())

    say("Table 1 by case status, over all three institutions")
    show(fed, pending.result())

    say("a cross table; cells that are too small are withheld, and say so")
    show(fed, sf.crosstab(cohort["pressure"], cohort["band"]))

    say("medians by case status and sex")
    show(fed, cohort.groupby(["case", "male"])[["sbp", "chol"]].agg(["count", "median"]))

    say("a correlation between the hospital's age and the laboratory's blood pressure")
    show(fed, cohort["age"].corr(cohort["sbp"]))

    say("a histogram, drawn from the released table only")
    histogram = cohort["sbp"].hist(bins=list(range(80, 201, 10)))
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / "sbp.png"
    histogram.to_png(path)
    show(fed, histogram)
    print(f"  drawn to {path}")


def horizontal(fed: sf.Federation) -> None:
    """Tumours of two countries, whose centres name and code them in other ways."""
    say("fed['tumours']: the rows of both centres, under the schema that their mappings agree on")
    tumours = fed["tumours"]
    print(tumours)

    say("the pooled description: each centre adds up its own rows, only the sums are shared")
    show(fed, tumours[["age", "nodes", "pgr", "er", "relapse_days"]].describe())

    say("Table 1 by country")
    countries = sf.concat([fed["rotterdam.tumours"], fed["gbsg.tumours"]], keys=["NL", "DE"], names=["country"])
    show(fed, sf.table_one(countries, by="country", columns=["age", "size", "nodes", "hormone", "relapse"]))

    say("relapses by size of the tumour, over both countries")
    show(fed, sf.crosstab(tumours["size"], tumours["relapse"], margins=True))


def mixed(fed: sf.Federation) -> None:
    """Patients of two hospitals with blood pressure from a laboratory and infarctions from a registry."""
    labs, events = fed["laboratory.labs"], fed["registry.events"]
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    mi = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
    patients = sf.concat(
        [fed["north_hospital.patients"], fed["south_hospital.patients"]], keys=["north", "south"], names=["hospital"]
    )
    cohort = patients[patients["age"] >= 50].merge(sbp, on="id").merge(mi, on="id", how="left")
    cohort = cohort.assign(mi=cohort["first_mi"].notna())

    say("one frame over all four: rows of two, columns of two more")
    print(cohort.explain())

    say("by hospital: persons with a blood pressure, its mean and median")
    show(fed, cohort.groupby("hospital")["sbp"].agg(["count", "mean", "median"]))

    say("infarction and blood pressure over both hospitals")
    show(fed, cohort.groupby("mi")[["age", "sbp"]].agg(["count", "mean", "std"]))


if __name__ == "__main__":
    main()
