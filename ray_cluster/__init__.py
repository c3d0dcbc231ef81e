"""The backend of life: institutions as Ray actors, the links between parties, and the gateways that face the analyst.

It stands on the topmost floor and may import everything of ``secureframe``; nothing of ``secureframe`` imports it: the
notebook finds it by its entry point. Begin reading at ``simulate`` (what the notebook calls), then follow the processes
that it starts: ``guardian``, ``launcher``, ``cluster`` (the only file that imports ray), ``institution`` and ``party``
(what runs in the actors), ``gateway`` (what an institution shows) and ``links`` (how parties talk).
"""
