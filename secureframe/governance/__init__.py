"""Who signs and who opens: identities and signatures. May import nothing of ours but errors. Begin with ``identity.py``."""
