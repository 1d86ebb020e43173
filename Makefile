# Everything a newcomer needs. `make help` lists the targets; the first one that needs it sets the working copy up.
PYTHON ?= python3
BIN := .venv/bin
# More arguments for the tool behind a target: make test ARGS="-k merkle", make demo ARGS="--trains 3"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup lint format test test-long containers demo up prove bench schemas lock licences sbom audit clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## Make .venv, install the locked packages, fetch Kafka (once; needs only Python 3.11 to 3.13)
	@$(PYTHON) infra/bootstrap.py

lint: setup ## Check style, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Put style and formatting right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The run starts hundreds of Python processes: they keep what they compiled, also where the environment says otherwise. Which file
# is first is said in tests/conftest.py, and not by the number of tests in it.
RUN := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder
# The long run draws at random from this number and prints it: make test-long SEED=1764280000 repeats a run.
SEED := $(or $(SEED),$(shell date +%s))
test: setup ## Run the tests, three files at a time; real Kafka and Postgres are started and stopped by the run
	$(RUN) -m "not long" $(ARGS)

test-long: setup ## Run the long ones: drills, benches, whole demos, every stored column changed, all random rounds (SEED=n)
	LIANYUN_LONG=1 LIANYUN_SEED=$(SEED) $(RUN) -m "long or randomised or hypothesis" --hypothesis-seed=$(SEED) $(ARGS)

containers: setup ## Build the image and run both profiles of infra/docker-compose.yml (needs a container engine)
	LIANYUN_CONTAINERS=1 $(BIN)/python -m pytest -m containers tests/system/containers tests/unit/infra $(ARGS)

demo: setup ## Run the whole system here on simulated trains, with a picture of the corridor
	$(BIN)/lianyun demo $(ARGS)

up: setup ## Run the platform here until Ctrl-C and print where to look
	@$(BIN)/lianyun up $(ARGS)

prove: setup ## Attack the running system (kill, freeze, restart) and show that nothing is lost or applied twice
	$(BIN)/lianyun prove $(ARGS)

bench: setup ## Measure throughput and latency on this machine
	$(BIN)/lianyun bench pipeline $(ARGS)

schemas: setup ## Write again what is generated: contract (JSON Schema, AsyncAPI, OpenAPI, vectors), metrics, alerts, dashboards
	$(BIN)/python -m schemas.publishing $(ARGS)
	$(BIN)/python -m services.api.publishing $(ARGS)
	$(BIN)/python -m services.monitoring.artefacts $(ARGS)
	$(BIN)/lianyun dashboards build $(ARGS)

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	--allow-unsafe --strip-extras
lock: setup ## Resolve the dependencies again and pin them with their hashes, here and for the image
	$(LOCK) --extra local --extra dev --output-file requirements.lock $(ARGS) pyproject.toml
	$(LOCK) --constraint requirements.lock --output-file infra/requirements.lock pyproject.toml
	$(LOCK) --constraint requirements.lock --only-build-deps --build-deps-for wheel --output-file infra/build.lock \
	  pyproject.toml

licences: setup ## Judge the licences of the locked packages and list them in docs/reference/licences.md
	$(BIN)/python infra/licences.py $(ARGS)

sbom: setup ## Write what the image and the working copy are made of, in CycloneDX, to build/
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements infra/requirements.lock --output-reproducible --of JSON -o build/image.cdx.json
	$(BIN)/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible --of JSON \
	  -o build/working-copy.cdx.json

audit: licences ## Look up what is known against the locked packages (needs the network; fails where it cannot look)
	$(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.lock $(ARGS)

clean: ## Remove what was made here: .venv, caches, local data (downloads in the cache folder stay)
	rm -rf .venv .lianyun ops/preview/node_modules ops/preview/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info
	find schemas services tests infra -name __pycache__ -type d -prune -exec rm -rf {} +
