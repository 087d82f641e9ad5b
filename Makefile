.DEFAULT_GOAL := help
include <<cookiecutter.project_slug>>/python.mk

TEMPLATE := <<cookiecutter.project_slug>>
COOKIECUTTER := $(VENV)/bin/cookiecutter
OUTPUT ?= ..
ARGS ?=
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The tests start Python thousands of times, which takes thrice as long where nothing is compiled for the next time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo new test trees benchmark pictures lint format lock upgrade

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/generate.installed ## Generate the default project into build/ and serve it on http://127.0.0.1:8000
	[ -e build/my_project ] || $(COOKIECUTTER) . --no-input --output-dir build
	$(MAKE) -C build/my_project run

new: $(VENV)/generate.installed ## Ask the questions and generate a project into OUTPUT, by default the folder above
	$(COOKIECUTTER) . --output-dir $(OUTPUT)

test: $(VENV)/test.installed ## Run the tests, after installing the servers they need (ARGS="-k name" to choose)
	tests/install-servers
	$(PYTHON) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

trees: $(VENV)/test.installed ## Record the file lists of generated projects in tests/trees; review the difference
	$(PYTHON) -m tests.support.trees

benchmark: $(VENV)/test.installed ## Measure everyday commands, a request, the log, containers and a deployed project against its peer
	@status=0; for name in everyday request logging containers peer; do \
		$(PYTHON) -m tests.benchmarks.benchmark_$$name || status=$$?; \
	done; exit $$status

pictures: $(VENV)/test.installed ## Draw the dashboards that README.md shows, from a site under load
	$(PYTHON) -m pytest --capture=no tests/benchmarks/draw_dashboards.py

lint: $(VENV)/test.installed ## Check the style of the template's own code and, in place, of the project's, and what that imports
	$(PYTHON) -m ruff check --no-cache
	$(PYTHON) -m ruff format --no-cache --check
	cd '$(TEMPLATE)' && $(CURDIR)/$(VENV)/bin/lint-imports --no-cache

format: $(VENV)/test.installed ## Put the template's own code, and the project's in place, into its format
	$(PYTHON) -m ruff check --no-cache --fix
	$(PYTHON) -m ruff format --no-cache

# Everything on and nothing pruned, which is what the hook then prunes from.
lock: $(VENV)/test.installed ## Bring all requirements in line with the two pyproject.toml
	$(COMPILE) --group test --output-file requirements/test.txt
	$(COMPILE) --constraint requirements/test.txt --output-file requirements/generate.txt
	rm -rf build/lock
	$(COOKIECUTTER) . --no-input --accept-hooks no --output-dir build/lock media_storage=s3
	$(MAKE) -C build/lock/my_project lock UPGRADE=$(UPGRADE)
	for file in production development test; do \
		sed 's/ my-project (/ << cookiecutter.project_slug | slugify >> (/' build/lock/my_project/requirements/$$file.txt \
			> "$(TEMPLATE)/requirements/$$file.txt" || exit 1; \
	done

COMPILE = uv pip compile pyproject.toml --quiet --universal --python-version 3.12 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)

upgrade: UPGRADE = --upgrade
upgrade: lock ## Move every requirement to its newest release
