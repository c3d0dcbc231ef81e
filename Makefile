# SecureFrame: `make demo` and `make test` set up everything they need.
SHELL := /bin/sh
VENV := .venv
PY := $(VENV)/bin/python
KEY := $(shell cksum pyproject.toml | cut -d' ' -f1)
STAMP := $(VENV)/.installed-$(KEY)
PEERS := .peers
# In a container people are root, which JupyterLab wants to be told.
AS_ROOT := $(shell [ "$$(id -u)" -ne 0 ] || echo --allow-root)
CANDIDATES := python3 python3.13 python3.12 python3.11 python
USABLE := import sys, venv, ensurepip; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13)))

.DEFAULT_GOAL := help
.PHONY: help demo lab notebooks test browser check bench bench-long bench-peers format clean

help: ## list what people do here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(STAMP) ## three studies over several institutions, on this machine
	@$(PY) -m secureframe.demonstration

lab: $(STAMP) ## JupyterLab on the gallery, in notebooks/
	@JUPYTER_CONFIG_PATH=$(CURDIR)/.jupyter $(VENV)/bin/jupyter lab $(AS_ROOT) notebooks/01_first_steps.ipynb

notebooks: $(STAMP) ## run the gallery by papermill, as it stands; what comes out is in build/notebooks
	@mkdir -p build/notebooks; cd notebooks; for each in *.ipynb; do \
	    ../$(PY) -m papermill --no-progress-bar "$$each" "../build/notebooks/$$each" || exit 1; done

test: $(STAMP) ## every test that this machine can run, after ruff and mypy; those with processes of their own one by one
	@$(MAKE) --no-print-directory check
	@failed=; $(PY) -m pytest -m 'not ray' --numprocesses 2 --dist loadfile || failed=1; \
	$(PY) -m pytest -m ray || failed=1; [ -z "$$failed" ]

browser: $(STAMP) ## JupyterLab in Debian's chromium; PICTURES=1 draws those of docs/images anew
	@SECUREFRAME_REQUIRE=browser SECUREFRAME_PICTURES=$(PICTURES) $(PY) -m pytest tests/browser

check: $(STAMP) ## ruff and mypy
	@$(PY) -m ruff check .
	@$(PY) -m mypy

bench: $(STAMP) ## seconds, rounds, bytes and memory in some minutes; ONLY=less_than,join_1e5,latency for a part
	@$(PY) -m benchmarks.run --only "$(ONLY)"

bench-long: $(STAMP) ## growth up to 10^7 rows and the parts that take long; ONLY as above
	@$(PY) -m benchmarks.run --long --only "$(ONLY)"

bench-peers: $(STAMP) ## other systems beside ours in one run, in environments of their own; ONLY as above
	@for peer in spu mpyc; do $(MAKE) --no-print-directory $(PEERS)/$$peer/.installed || true; done
	@$(PY) -m benchmarks.run --peers --only "$(ONLY)"

format: $(STAMP) ## let ruff sort imports and mend what it can
	@$(PY) -m ruff check --fix .

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build demo-output $(PEERS)

$(STAMP): pyproject.toml
	@set -e; found=; for candidate in $(CANDIDATES); do \
	    if $$candidate -c '$(USABLE)' >/dev/null 2>&1; then found=$$candidate; break; fi; done; \
	if [ -z "$$found" ]; then \
	    echo "SecureFrame needs Python 3.11, 3.12 or 3.13 with venv; none of these has it: $(CANDIDATES)." >&2; \
	    echo "Debian and Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; fi; \
	started=$$(date +%s); \
	echo "setting up $(VENV) with $$($$found --version)"; \
	[ -x $(PY) ] || $$found -m venv $(VENV); \
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[jupyter,dev]'; \
	$(PY) -m secureframe.mpc.warm; \
	rm -f $(VENV)/.installed-*; touch $(STAMP); \
	echo "set up in $$(( $$(date +%s) - started )) s"

# Other systems, to measure beside ours: an environment each, which holds nothing of ours.
$(PEERS)/%/.installed: benchmarks/peers/%.txt
	@set -e; found=; for candidate in python3.11 python3 python; do \
	    if $$candidate -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then \
	        found=$$candidate; break; fi; done; \
	if [ -z "$$found" ]; then echo "$* needs Python 3.11 with venv." >&2; exit 1; fi; \
	echo "setting up $(PEERS)/$* with $$($$found --version)"; \
	rm -rf $(PEERS)/$*; $$found -m venv $(PEERS)/$*; \
	$(PEERS)/$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<; \
	touch $@
