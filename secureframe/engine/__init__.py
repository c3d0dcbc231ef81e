"""What runs at an institution: admission of plans, dealing, and the execution of a compiled program at a party.

May import planner, local, disclosure and below; knows no transport. Begin with ``institution.py`` (what a gateway calls) and
``party_job.py`` (what a compute party runs).
"""
