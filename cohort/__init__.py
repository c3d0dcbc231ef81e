"""Inclusion and exclusion criteria over frames, time rules, attrition, harmonisation, and the widgets that edit them.

May import ``secureframe``; ``kernel_ext`` may import this package. Nothing is offered here yet.
"""
