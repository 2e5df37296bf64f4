# SPDX-License-Identifier: GPL-3.0-or-later
"""What the node knows beside the files: members, versions, guests, the cluster log.

The texts of `.members`, `.version`, `.vmlist` and `.clusterlog` are built here.
"""

import json
import time

# the files whose changes are counted in .version, in the order in which it lists them
COUNTED_FILES = """
corosync.conf corosync.conf.new storage.cfg user.cfg domains.cfg notifications.cfg priv/notifications.cfg
priv/shadow.cfg priv/acme/plugins.cfg priv/tfa.cfg priv/token.cfg priv/wg-keys.cfg datacenter.cfg vzdump.cron
vzdump.conf jobs.cfg ha/crm_commands ha/manager_status ha/resources.cfg ha/rules.cfg ha/groups.cfg ha/fence.cfg
status.cfg replication.cfg ceph.conf sdn/vnets.cfg sdn/zones.cfg sdn/controllers.cfg sdn/subnets.cfg sdn/ipams.cfg
sdn/mac-cache.json sdn/pve-ipam-state.json sdn/dns.cfg sdn/fabrics.cfg sdn/route-maps.cfg sdn/prefix-lists.cfg
sdn/.running-config virtual-guest/cpu-models.conf virtual-guest/profiles.cfg firewall/cluster.fw
mapping/directory.cfg mapping/pci.cfg mapping/usb.cfg
""".split()

MAX_LOG_ENTRIES = 50


class Status:
    def __init__(self, node_name, address):
        self.node_name = node_name
        self.address = address
        self.start_time = int(time.time())
        self.quorate = False
        self.cluster_name = None
        self.config_version = 0
        self.nodes = {}  # nodeid -> {"name", "online", "kv"}
        self.addresses = {}  # node name -> address
        self.cluster_version = 0
        self.file_versions = dict.fromkeys(COUNTED_FILES, 0)
        self.guests = {}  # vmid -> [node, type, version]
        self.guests_version = 0
        self.guest_counter = 0
        self.kv = {}  # key -> version, of this node
        self.log = []  # newest first
        self.log_uid = 0

    # --- counters -----------------------------------------------------------------------

    def record_change(self, path):
        if path in self.file_versions:
            self.file_versions[path] += 1

    def record_reload(self):
        for path in self.file_versions:
            self.file_versions[path] += 1

    # --- guests -------------------------------------------------------------------------

    def other_guest_exists(self, guest):
        vmid, node, kind = guest
        known = self.guests.get(vmid)
        return known is not None and (known[0] != node or known[1] != kind)

    def register_guest(self, guest):
        vmid, node, kind = guest
        self.guest_counter += 1
        self.guests[vmid] = [node, kind, self.guest_counter]
        self.guests_version += 1

    def delete_guest(self, vmid):
        if self.guests.pop(vmid, None):
            self.guests_version += 1

    def set_guests(self, guests):
        old, self.guests = self.guests, {}
        for vmid, node, kind in guests:
            known = old.get(vmid)
            if known and known[:2] == [node, kind]:
                self.guests[vmid] = known
            else:
                self.guest_counter += 1
                self.guests[vmid] = [node, kind, self.guest_counter]
        self.guests_version += 1

    # --- the cluster --------------------------------------------------------------------

    def set_cluster(self, name, config_version, names_by_id):
        old = self.nodes
        self.cluster_name, self.config_version = name, config_version
        self.nodes = {}
        for nodeid, node_name in sorted(names_by_id.items()):
            known = old.get(nodeid)
            same = known is not None and known["name"] == node_name
            self.nodes[nodeid] = {
                "name": node_name,
                "online": known["online"] if same else 0,
                "kv": known["kv"] if same else {},
            }
        self.cluster_version += 1

    def set_online(self, nodeids):
        for nodeid, node in self.nodes.items():
            node["online"] = int(nodeid in nodeids)
        self.cluster_version += 1

    def set_address(self, node_name, address):
        if self.addresses.get(node_name) != address:
            self.addresses[node_name] = address
            self.cluster_version += 1

    def set_own_value(self, key):
        self.kv[key] = self.kv[key] + 1 if key in self.kv else 0

    def set_node_value(self, nodeid, key, value):
        node = self.nodes.get(nodeid)
        if node is None:
            return
        if key == "nodeip":
            self.set_address(node["name"], value)
        elif node["name"] != self.node_name:
            node["kv"][key] = node["kv"][key] + 1 if key in node["kv"] else 0

    # --- the cluster log ----------------------------------------------------------------

    def new_log_entry(self, priority, tag, pid, user, message):
        self.log_uid += 1
        return {"uid": self.log_uid, "time": int(time.time()), "pri": priority, "tag": tag, "pid": pid,
                "node": self.node_name, "user": user, "msg": message}

    def add_log_entries(self, entries):
        known = {(entry["time"], entry["node"], entry["uid"]) for entry in self.log}
        for entry in entries:
            if (entry["time"], entry["node"], entry["uid"]) not in known:
                self.log.append(entry)
        self.log.sort(key=lambda entry: (entry["time"], entry["node"], entry["uid"]), reverse=True)
        del self.log[1000:]

    # --- texts --------------------------------------------------------------------------

    def members_text(self):
        if not self.nodes:
            return f'{{\n"nodename": "{self.node_name}",\n"version": {self.cluster_version}\n}}\n'
        lines = []
        for nodeid, node in self.nodes.items():
            address = self.addresses.get(node["name"])
            ip = f', "ip": "{address}"' if address else ""
            lines.append(f'  "{node["name"]}": {{ "id": {nodeid}, "online": {node["online"]}{ip}}}')
        return (
            f'{{\n"nodename": "{self.node_name}",\n"version": {self.cluster_version},\n'
            f'"cluster": {{ "name": "{self.cluster_name}", "version": {self.config_version}, '
            f'"nodes": {len(self.nodes)}, "quorate": {int(self.quorate)} }},\n'
            '"nodelist": {\n' + ",\n".join(lines) + "\n  }\n}\n"
        )

    def version_text(self):
        counters = {"starttime": self.start_time, "clinfo": self.cluster_version, "vmlist": self.guests_version}
        lines = [f'"{name}": {version},' for name, version in {**counters, **self.file_versions}.items()]
        others = [node for node in self.nodes.values() if node["name"] != self.node_name and node["kv"]]
        stores = [(self.node_name, self.kv)] + [(node["name"], node["kv"]) for node in others]
        texts = []
        for name, values in stores:
            inner = ",\n".join(f'"{key}": {version}' for key, version in values.items())
            texts.append(f'"{name}": {{\n{inner}}}\n')
        return "{\n" + "\n".join(lines) + '\n"kvstore": {\n' + ",\n".join(texts) + "}\n}\n"

    def guests_text(self):
        if not self.guests:
            return f'{{\n"version": {self.guests_version}\n\n}}\n'
        lines = [
            f'"{vmid}": {{ "node": "{node}", "type": "{kind}", "version": {version} }}'
            for vmid, (node, kind, version) in sorted(self.guests.items())
        ]
        return f'{{\n"version": {self.guests_version},\n"ids": {{\n' + ",\n".join(lines) + "}\n\n}\n"

    def log_text(self):
        lines = [json.dumps(entry, ensure_ascii=True) for entry in self.log[:MAX_LOG_ENTRIES]]
        return '{\n"data": [\n' + ",\n".join(lines) + "\n]\n}\n"
