"""Measurements: what protocols and statements take on this machine, beside the same work in the clear and other systems.

``python -m benchmarks.run`` (``make bench``) measures and keeps a line a measurement in ``benchmarks/results/latest.jsonl``;
``benchmarks.report`` makes ``docs/benchmarks.md`` and its plots from these lines. Begin reading at ``run``; ``workloads`` holds
what is measured on shares, ``statements`` and its neighbours what an analyst waits for. Nothing here asserts a time. Answers
are held against those in the clear, apart from Table 1, whose layout pandas does not have.
"""
