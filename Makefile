# Every target is a command that a person would type; CI types `make test`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
CLOUD ?= local
# YES=1 (or CI=true): install and start a Docker Engine without asking; commands read it from the environment
export PYTHONPATH := $(CURDIR):$(CURDIR)/localcloud/tests
FAST := tests/gate tests/unit tests/stack
# Two processes, each group of tests in one of them (conftest.py), in the order of the groups
TWO := -n 2 --dist loadgroup --no-loadscope-reorder

# Of delivery/commands/registry.py, which a test holds this against; with app-test (test) and pipeline (status)
STEPS := build index deploy acceptance promote approve reject retry rollback restart resume history metrics logs clean doctor preview
# Those for an application that is new: they need no stack.
NEW := init check-app

.NOTPARALLEL:
.PHONY: help lock update python preflight setup up status down demo check test faults bench clean-up format venv app-test pipeline $(NEW) $(STEPS)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

setup: preflight .venv/.complete .checkov/venv/.complete ## install virtual environments, the Pulumi CLI and its plugins
	@$(PY) -m tools.toolchain
	@bin/localcloud setup

python: # the interpreter that the virtual environment is made with
	@command -v "$(PYTHON)" >/dev/null || { echo "setup: there is no $(PYTHON), and Slipway needs Python 3.11 or newer; install it, or name one: make PYTHON=python3.12 setup" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "setup: Python is %d.%d and must be 3.11 or newer; name one: make PYTHON=python3.12 setup" % sys.version_info[:2])'

preflight: python # what the targets need of this machine: all findings at once, and the questions to the user
	@"$(PYTHON)" -m tools.preflight $(MAKECMDGOALS)

.venv/.complete: requirements-dev.txt | python
	@"$(PYTHON)" -m tools.make_venv .venv requirements-dev.txt
	@touch $@

# Apart from .venv, since checkov pins what the program has in other versions
.checkov/venv/.complete: tests/checkov/requirements.txt | .venv/.complete
	@$(PY) -m tools.make_venv .checkov/venv tests/checkov/requirements.txt
	@touch $@

up: setup ## start the local cloud (offers to install a Docker Engine if there is none)
	@bin/localcloud up

status: ## show what runs on the local cloud
	@bin/localcloud status

down: ## stop the local cloud and keep its state
	@bin/localcloud down

demo: setup ## deploy staging, production and the pipeline locally; release, stop and roll back a commit
	@bin/localcloud up
	@$(PY) -m tools.demo

check: .venv/.complete .checkov/venv/.complete ## run the gate of every commit: format, lint, types, fast tests
	@$(PY) -m pytest -q $(TWO) -m "not local" $(FAST) localcloud/tests

lock: .venv/.complete ## compile the lock files from their *.in files
	@$(PY) -m tools.locks

update: setup ## upgrade all pins, run the gate, verify that no stack changes (10 minutes)
	@$(PY) -m tools.update stand
	@$(PY) -m tools.update move
	@$(MAKE) --no-print-directory setup
	@code=0; $(MAKE) --no-print-directory check || code=1; $(PY) -m tools.update verify || code=1; exit $$code

format: .venv/.complete ## format the code and apply lint fixes
	@$(PY) -m ruff check --quiet --fix . || true
	@$(PY) -m ruff format --quiet .

test: setup ## run every test, on a fresh machine too
	@$(PY) -m pytest $(TWO) --durations 12 --durations-min 60 $(FAST) localcloud/tests tests/contract tests/local

faults: setup ## inject every fault, change the keys of a live stack and kill `up`, under load, walk docs/aws.md, and write docs/faults.md: ARGS="--break-gate test"
	@$(PY) -m pytest tests/local/test_faults.py tests/local/test_pull_request.py tests/local/test_live_changes.py tests/local/test_interrupted_up.py tests/local/test_iam_files.py tests/local/test_aws_page.py tests/local/test_release_safety.py --all-faults $(if $(ARGS),$(ARGS),--fault-table docs/faults.md)

bench: setup ## measure and write docs/benchmarks.md: ARGS="--runs 5 --cold"
	@$(PY) -m tests.bench --write $(ARGS)

venv: .venv/.complete ## create the virtual environment only (enough for AWS)

# Every command of delivery, by its registry: make deploy STACK=staging ARGS="--commit 1a2b3c4" [CLOUD=aws]
app-test pipeline $(STEPS): $(if $(filter aws,$(CLOUD)),venv,setup)
	@test -n "$(STACK)" || { echo "make $@: name the stack; for example: make $@ STACK=staging" >&2; exit 2; }
	@case "$(CLOUD)" in aws|local) ;; *) echo "make $@: CLOUD is $(CLOUD); it is local or aws" >&2; exit 2;; esac
	@bin/delivery$(if $(filter local,$(CLOUD)),-local) $(patsubst app-test,test,$(patsubst pipeline,status,$@)) --stack $(STACK) $(ARGS)
$(NEW): $(if $(filter aws,$(CLOUD)),venv,setup)
	@bin/delivery$(if $(filter local,$(CLOUD)),-local) $@ $(ARGS)
init: ## write the stack files of an application: ARGS="DIR"
check-app: ## run an application's image as Fargate would, without a stack: ARGS="DIR"
app-test: ## run the unit and integration tests of a stack's services, in containers
build: ## build, test and push a commit's images: ARGS="--commit HASH"
index: ## combine the images built for each platform into one: ARGS="--built FILE --built FILE"
deploy: ## deploy a release to a stack and verify that it is served: ARGS="--commit HASH"
acceptance: ## run the acceptance suites against a stack
promote: ## mark a release's images as accepted or released: ARGS="--release FILE"
pipeline: ## show an execution of the pipeline, what is served and what is pending: ARGS="--follow"
approve: ## approve the pending release
reject: ## reject the pending release: ARGS="--reason TEXT"
retry: ## retry the stage in which an execution failed or was stopped: ARGS="--execution ID"
rollback: ## roll back to an earlier good release: ARGS="--to HASH"
restart: ## replace the tasks by new ones of the same release: ARGS="--service NAME"
resume: ## let the pipeline release to a stack again after a rollback
history: ## list the releases of a stack, newest first, or all that is known of one: ARGS="--most 3"
metrics: ## show DORA's four figures of a stack: ARGS="--days 90"
logs: ## print the logs of services, or of a build of the pipeline: ARGS="--follow"
clean: ## delete task definition revisions that are no longer needed, and what an interrupted `up` or a destroy left: ARGS="--keep 5"
doctor: ## check a stack and its account for what would make a release fail
preview: ## preview a change on each stack, as one comment on its pull request: ARGS="--repository OWNER/NAME --pull-request N"

clean-up: ## destroy both local stacks and stop the local cloud; ALL=1 also removes images, caches and a Docker Engine that Slipway started
	@$(if $(wildcard .venv/.complete),$(PY),"$(PYTHON)") -m tools.clean_up $(if $(ALL),--all)
