"""Where and how: from a plan to the program that all parties run, and the text that explains it before it runs.

May import plan, disclosure and below. Begin with ``compile.py``; ``frames.py`` brings columns onto shares, ``elementwise.py``
computes what mixes institutions, ``summaries.py`` adds rows up.
"""
