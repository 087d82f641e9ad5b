# The virtual environment: made by uv where it is installed, else by venv and pip.

VENV := .venv
PYTHON := $(VENV)/bin/python

# The Python named in .python-version, or else any that is new enough.
$(PYTHON):
	@wanted=$$(cat .python-version); \
	if command -v uv >/dev/null; then exec uv venv --python "$$wanted" $(VENV); fi; \
	for python in "python$$wanted" python3 python3.14 python3.13 python3.12; do \
		if command -v "$$python" >/dev/null && "$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version)"; \
			exec "$$python" -m venv $(VENV); \
		fi; \
	done; \
	echo "Python $$wanted with its venv module was not found. Install it with one of:" >&2; \
	echo "  apt install python$$wanted-venv    pyenv install $$wanted    or uv, from https://docs.astral.sh/uv/" >&2; \
	exit 1

# requirements/NAME.txt as installed; made again when the file changes. Python compiles modules when it first imports them; pip
# would compile all, most of which nothing imports.
$(VENV)/%.installed: requirements/%.txt | $(PYTHON)
	@echo "Installing $<"
	@if command -v uv >/dev/null; then \
		uv pip install --python $(PYTHON) --require-hashes --requirement $<; \
	else \
		$(PYTHON) -m pip install --disable-pip-version-check --no-compile --require-hashes --requirement $<; \
	fi
	@touch $@
