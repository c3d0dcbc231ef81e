"""What a recipient makes of opened packages: released cells, and the pandas objects that an analyst sees.

May import plan, schema and disclosure; knows nothing of protocols. Begin with ``released.py``.
"""
