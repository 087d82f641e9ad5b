include <<cookiecutter.project_slug>>/python.mk

TEMPLATE := <<cookiecutter.project_slug>>
COOKIECUTTER := $(VENV)/bin/cookiecutter
ARGS ?=

.PHONY: help demo new test benchmark lint format lock upgrade

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/generate.installed ## Generate the default project into build/ and serve it on http://127.0.0.1:8000
	$(COOKIECUTTER) . --no-input --overwrite-if-exists --output-dir build
	$(MAKE) -C build/my_project run

new: $(VENV)/generate.installed ## Ask the questions and generate a project (OUTPUT=folder, by default the one above)
	$(COOKIECUTTER) . --output-dir $(or $(OUTPUT),..)

lock: $(VENV)/test.installed ## Bring all requirements in line with the two pyproject.toml
	rm -rf build/lock
	$(COOKIECUTTER) . --no-input --accept-hooks no --output-dir build/lock media_storage=s3
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(MAKE) -C build/lock/my_project $(or $(TARGET),lock)
	for file in production development test; do \
		sed 's/ my-project (/ << cookiecutter.project_slug | slugify >> (/' build/lock/my_project/requirements/$$file.txt \
			> "$(TEMPLATE)/requirements/$$file.txt"; \
	done
