#when *
/^\(nodelist\.local_node_pos\|totem\.version\|runtime\.votequorum\.two_node\) /a runtime.build (str) = 9.9.9
/^\(nodelist\.local_node_pos\|totem\.version\) /a system.kernel (str) = 99.9.9-9-altered
