"""What may leave: policies, rules on shares, suppression, rounding, sealing. The only package that lets a value out.

May import plan and mpc. Begin with ``release.py``.
"""
