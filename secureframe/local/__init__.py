"""What an owner does with its own rows, in the clear and at Polars speed: registration, local parts, encoding for sharing.

May import schema and plan, nothing else of ours. Begin with ``register.py`` (a source becomes a checked table of grid
integers), then ``lower.py`` (a frame of one owner becomes Polars), ``parts.py`` (the integers that a release is made of)
and ``encode.py`` (columns as the arrays that are dealt to the parties). ``values.py`` turns grid integers back into
natural values; the tests compare with pandas through it.
"""
