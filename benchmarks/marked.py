"""What an institution and a party run while a timeline is taken: the real classes, whose steps leave marks.

Imported in the actors alone, by its path in the settings of the simulation.
"""

from __future__ import annotations

from benchmarks.marks import around
from ray_cluster.institution import InstitutionHost
from ray_cluster.job_run import JobRun
from ray_cluster.links import Dialer
from ray_cluster.party import PartyHost
from secureframe.engine import institution as engine
from secureframe.engine.institution import Institution
from secureframe.engine.party_job import PartyJob

__all__ = ["Institution", "PartyJob"]

around(InstitutionHost, "admit", "admit")
around(engine, "compile_plan", "compile there")
around(JobRun, "_deal", "deal")
around(Institution, "deal", "local part")
around(Dialer, "call", "link", about=2)
around(PartyHost, "open", "open")
around(PartyHost, "run_stage", "stage", about=1)
around(PartyHost, "seal", "seal")
around(PartyJob, "__init__", "inputs")
