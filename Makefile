# Every target is a command that a person would type; CI types `make test`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
CLOUD ?= local
# YES=1 (or CI=true): install and start a Docker Engine without asking; commands read it from the environment
export PYTHONPATH := $(CURDIR)
FAST := tests/gate tests/unit tests/stack
# Two processes, each group of tests in one of them (tests/conftest.py), in the order of the groups
TWO := -n 2 --dist loadgroup --no-loadscope-reorder

# Of delivery/commands/registry.py, which a test holds this against; with app-test (test) and pipeline (status)
STEPS := build index deploy acceptance promote approve reject retry rollback resume history logs clean doctor preview

.NOTPARALLEL:
.PHONY: help lock update python preflight setup up status down demo check test faults bench clean-up format venv app-test pipeline $(STEPS)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

setup: preflight .venv/.complete ## virtual environments, Pulumi CLI and plugins; says what it does and how long that takes
	@$(PY) -m tools.toolchain
	@bin/localcloud setup

python: # the one that the virtual environment is made with
	@command -v "$(PYTHON)" >/dev/null || { echo "setup: there is no $(PYTHON), and Slipway needs Python 3.11 or newer; install it, or name one: make PYTHON=python3.12 setup" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "setup: Python is %d.%d and must be 3.11 or newer; name one: make PYTHON=python3.12 setup" % sys.version_info[:2])'

preflight: python # whatever these targets need of this machine, all at once, and what has to be asked
	@"$(PYTHON)" -m tools.preflight $(MAKECMDGOALS)

.venv/.complete: requirements-dev.txt | python
	@"$(PYTHON)" -m tools.make_venv .venv requirements-dev.txt
	@touch $@

up: setup ## start the local cloud (installs and starts a Docker Engine where there is none, after asking)
	@bin/localcloud up

status: ## what the local cloud runs
	@bin/localcloud status

down: ## stop the local cloud, keep its state
	@bin/localcloud down

demo: setup ## both environments and the pipeline on the local cloud: commits released, stopped, rolled back
	@bin/localcloud up
	@$(PY) -m tools.demo

check: .venv/.complete ## the gate for every commit: format, lint, types, fast tests
	@$(PY) -m pytest -q $(TWO) -m "not local" $(FAST) localcloud/tests

lock: .venv/.complete ## compile the locks (requirements*.txt) from what is asked for (*.in, app/pyproject.toml)
	@$(PY) -m tools.locks

update: setup ## move all pins to what is served today, run the gate, show that no stack changes (10 minutes); one commit
	@$(PY) -m tools.update stand
	@$(PY) -m tools.update move
	@$(MAKE) --no-print-directory setup
	@code=0; $(MAKE) --no-print-directory check || code=1; $(PY) -m tools.update verify || code=1; exit $$code

format: .venv/.complete ## put the code into the house format
	@$(PY) -m ruff check --quiet --fix . || true
	@$(PY) -m ruff format --quiet .

test: setup ## everything, on a fresh machine too: one pytest, whose last line is the result
	@$(PY) -m pytest $(TWO) $(FAST) localcloud/tests tests/contract tests/local

faults: setup ## everything that may go wrong on the way to production, as a table: docs/faults.md; ARGS="--break-gate test"
	@$(PY) -m pytest tests/local/test_faults.py tests/local/test_pull_request.py --all-faults $(if $(ARGS),$(ARGS),--fault-table docs/faults.md)

bench: setup ## what things take, into docs/benchmarks.md: ARGS="--runs 5 --cold"
	@$(PY) -m tests.bench --write $(ARGS)

venv: .venv/.complete ## the virtual environment alone: all that AWS needs of this folder

# Every command of delivery, by its registry: make deploy STACK=staging ARGS="--commit 1a2b3c4" [CLOUD=aws]
app-test pipeline $(STEPS): $(if $(filter aws,$(CLOUD)),venv,setup)
	@test -n "$(STACK)" || { echo "make $@: name the stack; for example: make $@ STACK=staging" >&2; exit 2; }
	@case "$(CLOUD)" in aws|local) ;; *) echo "make $@: CLOUD is $(CLOUD); it is local or aws" >&2; exit 2;; esac
	@bin/delivery$(if $(filter local,$(CLOUD)),-local) $(patsubst app-test,test,$(patsubst pipeline,status,$@)) --stack $(STACK) $(ARGS)
app-test: ## run the unit and integration tests of a stack's services, in containers
build: ## build, test and push a commit's images: ARGS="--commit HASH"
index: ## make one image of those that were built for each platform: ARGS="--built FILE --built FILE"
deploy: ## make a stack serve a release, and prove that it does: ARGS="--commit HASH"
acceptance: ## run the acceptance suites against a stack
promote: ## mark a release's images as accepted or released: ARGS="--release FILE"
pipeline: ## show an execution of the pipeline, what is served, and what waits: ARGS="--follow"
approve: ## release what waits for approval
reject: ## do not release what waits for approval: ARGS="--reason TEXT"
retry: ## run the stage in which an execution failed or was stopped once more: ARGS="--execution ID"
rollback: ## serve an earlier good release again: ARGS="--to HASH"
resume: ## let the pipeline release to a stack again
history: ## list the releases of a stack, newest first: ARGS="--most 3"
logs: ## print what the services' tasks, or a build of the pipeline, wrote: ARGS="--follow"
clean: ## remove task definition revisions that are of no use any more: ARGS="--keep 5"
doctor: ## check what would make a first run fail; 1 when something would
preview: ## show what a change would do to each stack, as one comment on its pull request: ARGS="--repository OWNER/NAME --pull-request N"

clean-up: ## destroy both local stacks and stop the local cloud; ALL=1 also removes images, caches and our Docker Engine
	@$(if $(wildcard .venv/.complete),$(PY),"$(PYTHON)") -m tools.clean_up $(if $(ALL),--all)
