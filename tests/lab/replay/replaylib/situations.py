# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lab is brought into each recorded situation.

A situation starts from a state and leaves one. The states are built from nothing when the lab is in another one.
"""

from dataclasses import dataclass, field
from typing import Callable

from . import nodes
from .nodes import lab, run, wait_for, wait_members, wait_writable

CLUSTER_NODE = "10.77.0.11"


def _nothing():
    pass


@dataclass
class Situation:
    name: str
    needs: str
    leaves: str
    enter: Callable = _nothing
    leave: Callable = _nothing
    # What happens between the recordings: the name of a recording -> what is done just before it.
    before: dict = field(default_factory=dict)
    # Recordings of one second, in their true order: these come first.
    order: tuple = ()
    # name -> name of the one that comes just before it.
    follows: dict = field(default_factory=dict)
    quick: bool = False
    # Recordings made at the same moment. Which node wins is chance, so their outcomes are compared as a set.
    together: tuple = ()


def must(node, command, **more):
    result = run(node, command, **more)
    if result.exit_code != "0":
        raise RuntimeError(f"'{command}' on '{node}': exit code {result.exit_code}: {result.stderr.strip()}")
    return result.stdout


def reset():
    lab("up", "4")
    lab("reset", "pve1", "pve2", "pve3", "pve4")
    for name in ("pve1", "pve2", "pve3", "pve4"):
        wait_for(name, "systemctl is-active -q pveproxy && " + nodes.WRITABLE)


def host_key_of(node):
    return must(node, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").strip()


def know_host(node, target="pve1", address=CLUSTER_NODE):
    must(node, f"echo '{address} {host_key_of(target)}' >> /root/.ssh/known_hosts")


def authorise(node, target="pve1"):
    key = must(node, "cat /root/.ssh/id_rsa.pub").strip()
    must(target, f"echo '{key}' >> /root/.ssh/authorized_keys")


def trust(node, target="pve1", address=CLUSTER_NODE):
    know_host(node, target, address)
    authorise(node, target)


def served_fingerprint(node):
    text = must(
        node,
        "openssl s_client -connect 127.0.0.1:8006 </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256",
    )
    return text.strip().split("=")[1]


def create(*links):
    must("pve1", "pvecm create labcluster " + " ".join(f"--link{n} {a}" for n, a in enumerate(links)))
    wait_members(1, "pve1")


def join(node, *links, how="ssh"):
    options = " ".join(f"--link{n} {a}" for n, a in enumerate(links))
    if how == "ssh":
        trust(node)
        out = must(node, f"pvecm add {CLUSTER_NODE} {options} --use_ssh")
    else:
        fingerprint = served_fingerprint("pve1")
        out = must(node, f"pvecm add {CLUSTER_NODE} {options} --fingerprint {fingerprint}", stdin="labpass1\n")
    if "successfully added node" not in out:
        raise RuntimeError(f"'{node}' did not join: {out}")


def build_one():
    reset()
    create("10.77.1.11")


def build_two():
    build_one()
    join("pve2", "10.77.1.12")
    wait_members(2, "pve1", "pve2")


def build_three():
    build_two()
    join("pve3", "10.77.1.13", how="api")
    wait_members(3, "pve1", "pve2", "pve3")


def build_one_on_management():
    reset()
    create("10.77.0.11")


def build_two_on_management():
    build_one_on_management()
    join("pve2", "10.77.0.12", how="api")
    wait_members(2, "pve1", "pve2")


def build_two_links_one():
    reset()
    create("10.77.1.11", "10.77.0.11")


def build_two_links_three():
    build_two_links_one()
    join("pve2", "10.77.1.12", "10.77.0.12", how="api")
    wait_members(2, "pve1", "pve2")
    join("pve3", "10.77.1.13", "10.77.0.13")
    wait_members(3, "pve1", "pve2", "pve3")


BUILDERS = {
    "fresh": reset,
    "one": build_one,
    "two": build_two,
    "three": build_three,
    "one on management": build_one_on_management,
    "two on management": build_two_on_management,
    "two links, one": build_two_links_one,
    "two links, three": build_two_links_three,
}


def guest(node):
    return lambda: must(node, "echo 'memory: 128' > /etc/pve/qemu-server/100.conf")


def no_guest(node):
    return lambda: must(node, "rm -f /etc/pve/qemu-server/100.conf")


def quorum_is(value, *names):
    sign = "Yes" if value else "No"
    for name in names:
        wait_for(name, f"corosync-quorumtool -s | grep -q '^Quorate: *{sign}'")
        wait_for(name, f"grep -q '\"quorate\": {int(value)}' /etc/pve/.members")


def settle(seconds):
    """For what has no condition to wait for, as sshd's memory of a bad client."""
    import time

    return lambda: time.sleep(seconds)


def then(*actions):
    def all_of_them():
        for action in actions:
            action()

    return all_of_them


def rename_to_pve2():
    must("pve4", "hostname pve2")


def name_of_pve4_back():
    must("pve4", "hostname pve4")


def after_third():
    wait_members(3, "pve1", "pve2", "pve3")


def power_off(node, *others):
    def action():
        lab("stop", node)
        for other in others:
            wait_for(other, "! corosync-quorumtool -l | grep -q " + node)

    return action


def power_on(node):
    def action():
        lab("start", node)
        wait_members(3, "pve1", "pve2", "pve3")

    return action


def cut_pve1():
    lab("partition", "pve1", "corosync")
    quorum_is(False, "pve1")
    wait_for("pve2", "! corosync-quorumtool -l | grep -q pve1")


def heal_pve1():
    lab("heal", "pve1")
    wait_members(3, "pve1", "pve2", "pve3")


def stop_corosync_on_pve1():
    must("pve1", "systemctl stop corosync")
    wait_for("pve2", "! corosync-quorumtool -l | grep -q pve1")
    wait_for("pve1", "grep -q '\"quorate\": 0' /etc/pve/.members")


def start_corosync_on_pve1():
    must("pve1", "systemctl start corosync")
    wait_members(3, "pve1", "pve2", "pve3")


def known_for_removed():
    trust("pve3")


def stop_pve2():
    lab("stop", "pve2")
    quorum_is(False, "pve1")


def stale_files():
    # The recorded node had served as QNetd host.
    must("pve4", "mkdir -p /etc/corosync/qnetd/nssdb; corosync-keygen -k /etc/corosync/authkey >/dev/null")


def stale_conf():
    must("pve1", "test -e /etc/pve/corosync.conf || pvecm create labcluster --link0 10.77.1.11")
    text = must("pve1", "cat /etc/pve/corosync.conf")
    must("pve4", "cat > /etc/corosync/corosync.conf", stdin=text)


def second_corosync_cut(node, networks):
    def action():
        for network in networks:
            lab("partition", node, network)
        settle(8)()

    return action


def start_qnetd():
    must(
        "pve4",
        "corosync-qnetd-certutil -i >/dev/null 2>&1; chgrp -R coroqnetd /etc/corosync/qnetd/nssdb;"
        " systemctl start corosync-qnetd",
    )


def trust_qnetd():
    must("pve4", "test -d /etc/corosync/qnetd/nssdb")
    trust("pve1", "pve4", "10.77.0.14")
    for member in ("pve1", "pve2"):
        know_host("pve1", member, f"10.77.0.1{member[-1]}")
    settle(16)()


def qdevice_votes():
    wait_for("pve1", "corosync-quorumtool -s | grep -q 'Total votes: *3'")
    wait_for("pve2", "corosync-quorumtool -s | grep -q 'Total votes: *3'")


def break_configuration():
    """Without the brace that ends its first section, one version on, renamed over as an editor would do it."""
    must(
        "pve1",
        "v=$(sed -n 's/.*config_version: //p' /etc/pve/corosync.conf); "
        "sed -e '0,/^}/{/^}/d}' -e \"s/config_version: .*/config_version: $((v + 1))/\" /etc/pve/corosync.conf"
        " > /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf",
    )
    wait_for("pve3", "! corosync -t")


def restart_corosync_on_pve3():
    run("pve3", "systemctl restart corosync")


SITUATIONS = [
    Situation("standalone", "fresh", "fresh", quick=True),
    Situation("create_on_fresh_node", "fresh", "one", quick=True),
    Situation("1-node_cluster", "one", "one", enter=lambda: wait_members(1, "pve1"), quick=True),
    Situation(
        "join_from_fresh_node_into_1-node_cluster",
        "one",
        "two",
        before={
            "pvecm_add_use_ssh_host_key_known_but_no_key_authorised": lambda: know_host("pve2"),
            "pvecm_add_use_ssh_with_a_link1_the_cluster_lacks": then(settle(22), lambda: authorise("pve2")),
            "pvecm_add_use_ssh_with_a_local_guest_100": guest("pve2"),
            "pvecm_add_from_within_etc_pve": no_guest("pve2"),
        },
        leave=lambda: wait_members(2, "pve1", "pve2"),
        order=(
            "pvecm_add_use_ssh_no_host_key_known",
            "pvecm_add_use_ssh_host_key_known_but_no_key_authorised",
            "pvecm_add_use_ssh_nodeid_clash",
            "corosync.conf_after_nodeid_clash_attempt",
            "pvecm_add_use_ssh_with_a_link1_the_cluster_lacks",
            "pvecm_add_use_ssh_with_a_local_guest_100",
            "pvecm_add_from_within_etc_pve",
            "pvecm_add_use_ssh_bad_nodeid",
            "pvecm_add_use_ssh_success",
        ),
        quick=True,
    ),
    Situation("2-node_cluster", "two", "two", quick=True),
    Situation(
        "API_join_into_2-node_cluster",
        "two",
        "three",
        # The file's certificate is newer than the one that is served, as in the recordings.
        enter=lambda: must("pve1", "pvecm updatecerts --force"),
        before={
            "pvecm_add_api_peer_without_pveproxy": lambda: must("pve4", "systemctl stop pveproxy"),
            "pvecm_add_api_with_a_link1_the_cluster_lacks": lambda: must("pve4", "systemctl start pveproxy"),
            "task_log_on_the_joined_node": after_third,
        },
        leave=after_third,
    ),
    Situation("3-node_quorate", "three", "three"),
    Situation(
        "API_join_from_fresh_node_into_3-node_cluster",
        "three",
        "three",
        enter=lambda: must("pve1", "systemctl restart pveproxy"),
        before={
            "name_clash_pmxcfs_still_runs_as_pve4_but_hostname_says_pve2": rename_to_pve2,
            "cluster_config_after_the_name_clash_attempt": name_of_pve4_back,
        },
        order=(
            "pvecm_add_api_right_fingerprint_wrong_password",
            "pvecm_add_api_with_a_link1_the_cluster_lacks",
            "name_clash_pmxcfs_still_runs_as_pve4_but_hostname_says_pve2",
            "pvecm_add_api_with_the_name_of_an_existing_node_no_force",
            "cluster_config_after_the_name_clash_attempt",
        ),
    ),
    Situation(
        "3-node_with_pve3_powered_off", "three", "three", enter=power_off("pve3", "pve1", "pve2"), leave=power_on("pve3")
    ),
    Situation("inquorate_pve1_cut_off_from_3-node_corosync_net", "three", "three, pve1 cut off", enter=cut_pve1),
    Situation(
        "3-node_majority_side_while_pve1_is_cut_off", "three, pve1 cut off", "three", leave=heal_pve1
    ),
    Situation(
        "3-node_corosync_stopped_on_pve1", "three", "three", enter=stop_corosync_on_pve1, leave=start_corosync_on_pve1
    ),
    Situation(
        "3-node_pve-cluster_stopped_on_pve1",
        "three",
        "three",
        # Corosync had just been restarted there; it tells of itself whether it was reloaded since.
        enter=lambda: (must("pve1", "systemctl restart corosync"), after_third()),
        leave=after_third,
        before={"afterwards": lambda: wait_writable("pve1")},
        follows={
            "start_pve-cluster_after_removing_the_stray_file":
                "start_pve-cluster_with_a_stray_file_in_the_bare_etc_pve_directory"
        },
    ),
    Situation(
        "delnode_of_an_online_node_pve3_from_3-node",
        "three",
        "three, pve3 removed",
        before={"pvecm_status": lambda: quorum_is(True, "pve1")},
    ),
    Situation("removed_node_pve3_was_online_at_delnode", "three, pve3 removed", "three, pve3 cleaned"),
    Situation(
        "re-join_of_the_cleaned_node_pve3", "three, pve3 cleaned", "three", enter=known_for_removed, leave=after_third,
        order=("pvecm_add_use_ssh_of_the_cleaned_node", "cat_etc_pve_corosync.conf", "pvecm_status"),
    ),
    Situation(
        "delnode_of_a_powered-off_node_pve3",
        "three",
        "two, pve3 off",
        enter=power_off("pve3", "pve1", "pve2"),
        before={"pvecm_status": lambda: wait_for("pve1", "corosync-quorumtool -s | grep -q 'Expected votes: *2'")},
    ),
    Situation(
        "delnode_in_a_2-node_cluster_with_the_other_node_off",
        "two, pve3 off",
        "spoilt",
        enter=stop_pve2,
        order=(
            "pvecm_status",
            "pvecm_delnode_pve2_while_inquorate",
            "pvecm_expected_1",
            "pvecm_status_after_expected_1",
            "pvecm_delnode_pve2_after_expected_1",
            "pvecm_status_after_delnode",
            "write_afterwards",
        ),
        before={
            # The kernel keeps for a second what it knows of a file, the writable bit of /etc/pve/local included.
            "pvecm_delnode_pve2_after_expected_1": then(lambda: wait_writable("pve1"), settle(1.2)),
            "pvecm_status_after_delnode": lambda: wait_writable("pve1"),
        },
    ),
    Situation(
        "config_change_broken_syntax_missing_brace_version_8",
        "three",
        "spoilt",
        enter=break_configuration,
        before={"pvecm_status_on_pve3_whose_corosync_no_longer_starts": restart_corosync_on_pve3},
    ),
    Situation("two_links_create", "fresh", "two links, one", leave=lambda: wait_members(1, "pve1")),
    Situation(
        "two_links_join",
        "two links, one",
        "two links, three",
        before={
            "pvecm_add_use_ssh_two_links_success": then(
                lambda: wait_members(2, "pve1", "pve2"), lambda: trust("pve3")
            )
        },
        order=(
            "pvecm_add_api_with_no_link_into_a_two-link_cluster",
            "pvecm_add_api_with_only_link0_into_a_two-link_cluster",
            "pvecm_add_api_two_links_password_on_stdin_success",
            "pvecm_add_use_ssh_two_links_success",
        ),
        leave=after_third,
    ),
    Situation("two_links_3-node_quorate", "two links, three", "two links, three"),
    Situation(
        "two_links_link_0_of_pve3_cut",
        "two links, three",
        "two links, three",
        enter=second_corosync_cut("pve3", ["corosync"]),
        leave=then(lambda: lab("heal", "pve3"), settle(4)),
    ),
    Situation(
        "two_links_link_1_mgmt_of_pve3_cut",
        "two links, three",
        "two links, three",
        enter=second_corosync_cut("pve3", ["mgmt"]),
        leave=then(lambda: lab("heal", "pve3"), settle(4)),
    ),
    Situation(
        "two_links_both_links_of_pve3_cut",
        "two links, three",
        "spoilt",
        enter=then(second_corosync_cut("pve3", ["mgmt", "corosync"]), lambda: quorum_is(False, "pve3")),
        leave=lambda: lab("heal", "pve3"),
    ),
    Situation("use_ssh_join_on_a_TTY_without_prior_trust", "one", "two"),
    Situation(
        "guests_on_the_joining_node",
        "one",
        "two",
        enter=guest("pve2"),
        order=("pvecm_add_api_with_guest_100", "pvecm_add_api_with_guest_100_and_--force"),
        leave=lambda: wait_members(2, "pve1", "pve2"),
    ),
    Situation(
        "nodeid_clash",
        "two",
        "spoilt",
        order=("pvecm_add_api_with_the_nodeid_of_pve2", "after_the_nodeid_clash"),
    ),
    Situation(
        "API_join_while_the_peer_is_inquorate",
        "two",
        "spoilt",
        enter=then(lambda: lab("stop", "pve2"), lambda: quorum_is(False, "pve1")),
    ),
    Situation(
        "API_create_and_join",
        "fresh",
        "two",
        before={"GET_cluster_config_join": lambda: wait_members(1, "pve1")},
        order=(
            "GET_cluster_config_join_standalone",
            "GET_cluster_status_standalone",
            "POST_create_bad_name",
            "POST_create",
            "task_of_the_create",
            "POST_create_again",
            "GET_cluster_config_join",
            "POST_join_wrong_password",
            "task_of_the_join_with_a_wrong_password",
            "POST_join_wrong_fingerprint",
            "task_of_the_join_with_a_wrong_fingerprint",
            "POST_join_without_fingerprint",
            "POST_join_good",
            "task_of_the_good_join_polled_with_the_ticket_from_before_the_join",
            "GET_cluster_status_after_the_join_with_a_new_ticket",
            "task_of_the_good_join_new_ticket",
        ),
    ),
    Situation("create_without_link", "fresh", "one on management", leave=lambda: wait_members(1, "pve1")),
    Situation(
        "join_without_link_into_a_cluster_whose_link0_is_on_the_mgmt_net",
        "one on management",
        "two on management",
        order=("pvecm_add_api_without_link_success",),
        leave=lambda: wait_members(2, "pve1", "pve2"),
    ),
    Situation(
        "qdevice_pve1+pve2_cluster_qnetd_on_pve4",
        "two on management",
        "spoilt",
        enter=start_qnetd,
        order=("pvecm_qdevice_setup_without_trust", "pvecm_qdevice_setup_with_trust", "pvecm_status"),
        before={"pvecm_qdevice_setup_with_trust": trust_qnetd, "pvecm_status": qdevice_votes},
    ),
    Situation(
        "join_without_link_into_a_cluster_whose_link0_is_NOT_on_the_mgmt_net",
        "one",
        "spoilt",
        order=("pvecm_add_api_without_link",),
    ),
    Situation(
        "stale_etc_corosync_files_on_a_standalone_node",
        "one",
        "spoilt",
        enter=stale_files,
        order=("pvecm_add_api_with_a_left-over_authkey",),
        before={"left-over_etc_corosync_corosync.conf_pve-cluster_restarted": stale_conf},
    ),
    Situation(
        "parallel_API_joins_of_pve2_and_pve3_into_a_1-node_cluster",
        "one",
        "spoilt",
        together=("parallel_join_of_pve2", "parallel_join_of_pve3"),
    ),
    Situation(
        "parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster_second_run",
        "two",
        "spoilt",
        together=("parallel_join_of_pve3", "parallel_join_of_pve4"),
    ),
    Situation("HA_standalone", "fresh", "spoilt"),
    Situation("HA_3-node_no_resources", "three", "three"),
    Situation("HA_3-node_rules_and_resources", "three", "three, with HA"),
    Situation(
        "HA_node_pve2_with_an_idle_LRM_without_quorum",
        "three, with HA",
        "spoilt",
        enter=then(lambda: lab("partition", "pve2", "corosync"), lambda: quorum_is(False, "pve2")),
        leave=lambda: lab("heal", "pve2"),
    ),
]
