"""What is asked: nodes, expressions, the parts of releases, and requests as canonical JSON with a digest.

May import schema and errors only. Begin with ``nodes.py``; ``expressions.py`` gives every expression its type, ``codec.py`` is
the strict parser, ``parts.py`` says which few integers a release is made of.
"""
