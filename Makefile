# SPDX-License-Identifier: GPL-3.0-or-later
# Thin front door: every target calls a script that can be run by itself.
.DEFAULT_GOAL := help
# every target below that is described
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\#.*/\1/p' $(MAKEFILE_LIST))

NODES ?= 3
NODE ?= pve1
INVENTORY ?= inventory
O ?= text
STATE ?= present
KEY ?=
LAB := tests/lab/lab

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

setup: ## Install what building and testing need (apt as root, .venv)
	tools/setup

build: setup ## Build the modules into libexec/ and print their sizes
	tools/build

link: ## Let Ansible find pve.cluster in this clone
	tools/link

dist: build ## Build the collection tarball into dist/
	tools/dist

demo: build ## Boot three lab nodes and form a cluster on them
	tools/demo

test: build ## Run every test: Rust, lints, lab
	tools/test

check: build ## Run the slower checks too: molecule, ansible-test sanity, oracles
	tools/check

bench: build ## Measure what the collection costs, into docs/BENCHMARK.md
	tests/bench/run

lint: setup ## Run the lints alone
	tools/lint

fuzz: ## Fuzz every reader of foreign text, 3 minutes each
	tests/fuzz/run

unit: ## Run the Rust tests alone
	cargo test --workspace --locked

integration: build ## Run the lab tests alone
	tests/integration/run

second-faults: build ## Meet every action with two faults, and write docs/SECOND_FAULTS.md (hours; PVE_LABS=a,b,c side by side)
	tests/faults/second

faults: build ## Break every action at every step, and write docs/FAULTS.md (hours; PVE_LABS=a,b,c side by side)
	tests/faults/run

cluster-host-keys: build ## Show the nodes' host keys, ask, and pin them on this machine
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-host-keys.yml

cluster-init: build ## Form the cluster of INVENTORY, or add the nodes it lacks
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-init.yml

cluster-add-node: build ## The same, for nodes that are new in INVENTORY
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-add-node.yml

cluster-check: build ## Say what cluster-init would do
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-init.yml --check --diff

cluster-plan: build ## Show on one page what cluster-init would do, and the corosync.conf that will be
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-plan.yml

cluster-preflight: build ## Say what would stop or harm the formation of INVENTORY
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-preflight.yml

cluster-status: build ## Say in two lines how the cluster of INVENTORY is
	tools/cluster-health status -i $(INVENTORY)

cluster-nodes: build ## List its nodes as they are now
	tools/cluster-health nodes -i $(INVENTORY)

cluster-health: build ## Say all that is not well, and what to do (O=json)
	tools/cluster-health -i $(INVENTORY) -o $(O)

cluster-report: build ## Write how it is as a page to look at, into reports/
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-report.yml

cluster-history: build ## Say what was changed on the nodes, when, and by which run
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-history.yml

cluster-failover-test: build ## Cut links and nodes for some seconds each, after asking, and see that it survives
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-failover-test.yml

cluster-corosync: build ## Change corosync.conf as INVENTORY, or WISH=file.yml, says
	.venv/bin/ansible-playbook -i $(INVENTORY) $(if $(WISH),-e @$(WISH)) playbooks/cluster-corosync.yml --diff

cluster-export: build ## Write the cluster as it is into an inventory, in reports/
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-export.yml

cluster-adopt: build ## Write the inventory of a cluster that runs, through one of its members (NODE=address)
	$(if $(filter-out file,$(origin NODE)),,$(error cannot adopt a cluster: NODE is not given; make cluster-adopt NODE=192.0.2.11))
	.venv/bin/ansible-playbook -i $(NODE), playbooks/cluster-adopt.yml

cluster-qdevice: build ## Give the cluster the vote of a QDevice (STATE=absent takes it away)
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-qdevice.yml -e cluster_qdevice_state=$(STATE)

cluster-rotate-key: build ## Replace the controller's ssh key on all nodes (KEY=the new private key)
	$(if $(KEY),,$(error cannot replace the controller's key: KEY is not given; make cluster-rotate-key KEY=~/.ssh/id_ed25519_new))
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-rotate-key.yml -e 'key_rotation_new_private_key_file="$(KEY)"'

cluster-expected-votes: build ## EMERGENCY: let what is left of the cluster be quorate, after asking
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-expected-votes.yml

cluster-remove-node: build ## Remove a node that is off from the cluster of INVENTORY (NODE=name)
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-remove-node.yml -e node=$(if $(filter-out file,$(origin NODE)),$(NODE))

cluster-repair: build ## Repair nodes that are half in the cluster of INVENTORY
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-repair.yml

cluster-destroy: build ## Take the cluster of INVENTORY apart into standalone nodes, after asking
	.venv/bin/ansible-playbook -i $(INVENTORY) playbooks/cluster-destroy.yml

# The names that other guides for such clusters use.
test-cluster: cluster-preflight ## The same as cluster-preflight

create-cluster: cluster-init ## The same as cluster-init

destroy-cluster: cluster-destroy ## The same as cluster-destroy

lab-up: setup ## Boot lab nodes (NODES=n)
	$(LAB) up $(NODES)

lab-down: ## Stop the lab
	$(LAB) down

lab-reset: ## Make all lab nodes fresh standalone nodes
	$(LAB) reset

lab-ssh: ## Open a shell on a lab node (NODE=name)
	$(LAB) ssh $(NODE)

lab-partition: ## Cut a lab node off (NODE=name)
	$(LAB) partition $(NODE)

lab-heal: ## Undo lab-partition (NODE=name)
	$(LAB) heal $(NODE)

lab-kill: ## Cut the power of a lab node (NODE=name)
	$(LAB) kill $(NODE)

mutants: setup ## Change every deciding line and see a test fail (hours; goes on where it was cut short)
	.venv/bin/python3 tools/mutants

clean: ## Remove what was built
	rm -rf target libexec dist .ansible
