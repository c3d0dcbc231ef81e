"""Measurements: what protocols and statements take on this machine, beside the same work in the clear.

``python -m benchmarks.run`` prints the tables of ``docs/benchmarks.md`` and writes them to ``benchmarks/results/latest.json``.
Begin reading at ``run``; ``protocols`` and ``statements`` hold what is measured, ``timeline`` where a statement's time goes.
Nothing here asserts a time. Answers are held against those in the clear, apart from Table 1, whose layout pandas does not have.
"""
