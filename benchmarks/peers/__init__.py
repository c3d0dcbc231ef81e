"""The same workloads on other systems for computing on shares: SPU and MPyC, each in an environment of its own.

Begin reading at ``beside``, which measures ours and the peers in turn. ``on_spu`` and ``on_mpyc`` run in the environments that
``make bench-peers`` puts under ``.peers``; they and what they import need numpy, their own system, and no package of ours.
Three processes (two for SPU's set intersection) talk over plain TCP on loopback. Data is dealt, programs are compiled and one run
is made before the clock starts.
"""
