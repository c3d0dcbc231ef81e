"""What is public about data: column types with ranges and grids, tables, and what an owner declares of them.

The ground floor: imports nothing else of the package but its errors. Begin with ``types.py``, then ``table.py``; what a
data owner writes is in ``declare.py`` (a table) and ``columns.py`` (its columns).
"""
