"""JupyterLab as people see it: a real server, a real kernel, Debian's chromium."""
