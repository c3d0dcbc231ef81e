"""Protocols of three-party replicated secret sharing: arrays of shares in, arrays of shares out, over a ``Channel``.

This folder knows nothing of frames, plans or policies and imports nothing else of the package. Begin reading at
``program.py`` (what can be computed), then ``sharing.py`` (who holds what), ``rounds.py`` (how independent operations
share rounds) and ``arithmetic.py`` (the product, from which everything else is built).

Throughout, a secret is ``x = x_0 + x_1 + x_2`` (or the exclusive or of the three); party i holds the components i and
i+1, and the pairwise key k_i is known to the parties i and i-1: exactly the two holders of component i.
"""
