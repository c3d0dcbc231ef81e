"""Reports: a notebook run with parameters, from a shell or from cron, and written as pages that can be handed on.

May import kernel_ext, cohort and secureframe. Begin with ``command.py``, what people type; ``running.py`` runs the notebook.
"""
