#!/usr/bin/env python3
"""The Neutron L2 agent's BGPVPN extension, unmodified, drives our daemon.

Everything from the extension's callbacks down to HTTP is networking-bagpipe's own: what it keeps of ports, networks and
associations, the bodies it makes of them, BaGPipeBGPAgent with its polling, its detection of restarts and its resync.
What needs a whole OpenStack is stood in for: the bridges of Open vSwitch, and the RPC that brings associations.

usage: agent.py PATH-OF-BAGPIPE-BGP     (with the Python of `ci/python client`)
"""

import os
import sys
import traceback
import warnings
from unittest import mock

warnings.filterwarnings("ignore")  # about eventlet, which is the agent's choice

import eventlet  # noqa: E402
import netaddr  # noqa: E402
from neutron.agent.common import ovs_lib  # noqa: E402
from neutron.api.rpc.callbacks import events as rpc_events  # noqa: E402
from neutron.api.rpc.handlers import resources_rpc  # noqa: E402
from neutron.conf.agent import securitygroups_rpc  # noqa: E402
from neutron.plugins.ml2.drivers.openvswitch.agent import vlanmanager  # noqa: E402
from neutron_lib import context as neutron_context  # noqa: E402
from neutron_lib.plugins.ml2 import ovs_constants  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_utils import uuidutils  # noqa: E402

from networking_bagpipe.agent.bgpvpn import agent_extension  # noqa: E402
from networking_bagpipe.objects import bgpvpn as objects  # noqa: E402

import speaker as ours  # noqa: E402

NETWORK = "9f5d1b6a-0c0e-4f6e-8d0b-2f8d9a4f0001"
VNI, VLAN = 101, 31
GATEWAY, ROUTER_MAC = "10.0.0.1", "00:00:5e:00:53:01"
PORT_1 = ("port-1", "00:00:de:ad:be:ef", "10.0.0.2")
PORT_2 = ("port-2", "00:00:de:ad:f0:0d", "10.0.0.3")
LINUXIF = f"patch2tun:{VLAN}"
# What Open vSwitch would number the patch ports.
PATCHES = {"patch-from-tun": 2, "patch-mpls-to-int": 6, "patch-to-mpls": 1, "patch-int-from-mpls": 5}

IPVPN, EVPN = f"ipvpn_{NETWORK}", f"evpn_{NETWORK}"


class Neutron:
    """Stands in for the server: BGPVPNs and their associations."""

    def __init__(self):
        self.context = neutron_context.get_admin_context()
        self.associations = {}

    def bgpvpn(self, kind, targets, **more):
        return objects.BGPVPN(
            self.context,
            id=uuidutils.generate_uuid(),
            type=kind,
            **{"name": "", "route_targets": targets, "import_targets": [], "export_targets": [], **more},
        )

    def associate(self, kind, bgpvpn, gateway_mac=None, **more):
        """A network or port association; the agent's bulk_pull finds it from now on."""
        association = kind(self.context, id=uuidutils.generate_uuid(), bgpvpn_id=bgpvpn.id, bgpvpn=bgpvpn, **more)
        association.subnets = [
            {"ip_version": 4, "cidr": "10.0.0.0/24", "gateway_ip": GATEWAY, "gateway_mac": gateway_mac}
        ]
        self.associations[association.id] = association
        return association

    def associate_router(self, bgpvpn):
        association = objects.BGPVPNRouterAssociation(
            self.context,
            id=uuidutils.generate_uuid(),
            router_id=uuidutils.generate_uuid(),
            bgpvpn_id=bgpvpn.id,
            bgpvpn=bgpvpn,
        )
        subnet = {"ip_version": 4, "cidr": "10.0.0.0/24", "gateway_ip": GATEWAY, "gateway_mac": None}
        association.connected_networks = [{"network_id": NETWORK, "subnets": [subnet]}]
        self.associations[association.id] = association
        return association

    def bulk_pull(self, _context, resource_type, filter_kwargs):
        def wanted(association):
            if association.obj_name() != resource_type:
                return False
            port = filter_kwargs.get("port_id")
            return port is None or association.port_id == port

        return [association for association in self.associations.values() if wanted(association)]


class Agent:
    """The extension in its agent."""

    def __init__(self, neutron, rest_port):
        cfg.CONF.set_override("bagpipe_bgp_port", rest_port, "BAGPIPE")
        cfg.CONF.set_override("ping_interval", 1, "BAGPIPE")
        bridge = mock.MagicMock()
        bridge.add_patch_port.side_effect = lambda name, _peer: PATCHES[name]
        bridge.get_port_ofport.return_value = 7
        mpls_bridge = mock.patch.object(ovs_lib, "OVSBridge", return_value=bridge)
        self.neutron = neutron
        self.extension = agent_extension.BagpipeBgpvpnAgentExtension()
        self.extension.consume_api(mock.Mock(**{"request_int_br.return_value": bridge, "request_tun_br.return_value": bridge}))
        pull = mock.patch.object(
            resources_rpc, "ResourcesPullRpcApi", return_value=mock.Mock(**{"bulk_pull.side_effect": neutron.bulk_pull})
        )
        with mpls_bridge, pull:
            self.extension.initialize(mock.Mock(), ovs_constants.EXTENSION_DRIVER_TYPE)
        self.extension.vlan_manager = vlanmanager.LocalVlanManager()
        self.extension.vlan_manager.add(NETWORK, VLAN, None, None, segmentation_id=VNI)
        self.client = self.extension.bagpipe_bgp_agent

    def plug(self, port, up=True):
        name, mac, ip = port
        self.extension.handle_port(None, {
            "port_id": name, "admin_state_up": up, "network_id": NETWORK, "segmentation_id": VNI,
            "network_type": "vxlan", "device_owner": "compute:None", "mac_address": mac,
            "fixed_ips": [{"ip_address": ip}],
        })  # fmt: skip

    def unplug(self, port):
        self.extension.delete_port(None, {"port_id": port[0]})

    def tell(self, association, event):
        """The notification that Neutron's server sends."""
        if event == rpc_events.DELETED:
            del self.neutron.associations[association.id]
        handlers = {
            objects.BGPVPNNetAssociation: self.extension.handle_notification_net_assocs,
            objects.BGPVPNRouterAssociation: self.extension.handle_notification_router_assocs,
            objects.BGPVPNPortAssociation: self.extension.handle_notification_port_assocs,
        }
        handlers[type(association)](None, association.obj_name(), [association], event)

    def until(self, status):
        """Waits until the agent's own polling has noticed."""
        ours.until(lambda: self.client.bagpipe_bgp_status == status, f"the agent says {status}", eventlet.sleep)


def endpoint(port, ip=None):
    return (LINUXIF, port[1], ip or port[2])


def a_network_in_both_kinds_of_vpn(speaker, neutron, agent):
    l3 = neutron.bgpvpn("l3", ["64512:100"], import_targets=["64512:101"], export_targets=["64512:102"], local_pref=150)
    l2 = neutron.bgpvpn("l2", ["64512:200"], vni=None, local_pref=None)
    l3_net = neutron.associate(objects.BGPVPNNetAssociation, l3, ROUTER_MAC, network_id=NETWORK)
    l2_net = neutron.associate(objects.BGPVPNNetAssociation, l2, ROUTER_MAC, network_id=NETWORK)
    agent.plug(PORT_1)
    ours.same("instances", {IPVPN: "VRF", EVPN: "EVI"}, speaker.instances())
    for instance in (IPVPN, EVPN):
        ours.same(f"endpoints of {instance}", {endpoint(PORT_1)}, set(speaker.endpoints(instance)))
        ours.same("gateway", GATEWAY, speaker.get("vpns", "instances", instance, "gateway_ip"))
        description = speaker.get("vpns", "instances", instance, "description")
        if f"for net {NETWORK} ({GATEWAY})" not in description:
            raise AssertionError(description)
        ours.same("description", {"port": PORT_1[0]}, speaker.endpoints(instance)[endpoint(PORT_1)]["description"])
    ours.same("targets", ({"64512:100", "64512:101"}, {"64512:100", "64512:102"}), speaker.targets(IPVPN))
    ours.same("targets", ({"64512:200"}, {"64512:200"}), speaker.targets(EVPN))
    ours.same("local preference", 150, speaker.endpoints(IPVPN)[endpoint(PORT_1)]["local_pref"])
    ours.same(
        "fallback",
        {"dst_mac": ROUTER_MAC, "src_mac": "00:00:5e:2a:10:00", "ovs_port_number": 6},
        speaker.get("vpns", "instances", IPVPN, "fallback"),
    )
    ours.same("VNI", VNI, speaker.get("vpns", "instances", EVPN, "instance_dataplane_id"))

    # A second port of the network, on the same interface.
    agent.plug(PORT_2)
    both = {endpoint(PORT_1), endpoint(PORT_2)}
    ours.same("endpoints", both, set(speaker.endpoints(IPVPN)))
    ours.same("endpoints", both, set(speaker.endpoints(EVPN)))
    return l3_net, l2_net


def targets_change(speaker, neutron, agent, association):
    association.bgpvpn.route_targets = ["64512:110"]
    agent.tell(association, rpc_events.UPDATED)
    ours.same("targets", ({"64512:110", "64512:101"}, {"64512:110", "64512:102"}), speaker.targets(IPVPN))
    # A router of the network brings another VPN of the same kind: one instance, the targets of both.
    router = neutron.associate_router(neutron.bgpvpn("l3", ["64512:300"], local_pref=None))
    agent.tell(router, rpc_events.CREATED)
    wanted = ({"64512:110", "64512:101", "64512:300"}, {"64512:110", "64512:102", "64512:300"})
    ours.same("targets", wanted, speaker.targets(IPVPN))
    agent.tell(router, rpc_events.DELETED)
    ours.same("targets", ({"64512:110", "64512:101"}, {"64512:110", "64512:102"}), speaker.targets(IPVPN))


def port_associations(speaker, neutron, agent):
    """Prefixes behind a port, and routes leaked from one VPN into another: instances of their own."""
    other = neutron.bgpvpn("l3", ["64512:500"], name="other", local_pref=None)
    leaked = neutron.bgpvpn("l3", ["64512:600"], name="leaked", import_targets=["64512:601"], local_pref=None)
    route = lambda **what: objects.BGPVPNPortAssociationRoute(neutron.context, **what)  # noqa: E731
    prefix = route(type="prefix", prefix=netaddr.IPNetwork("40.0.0.0/24"), local_pref=77)
    leak = route(type="bgpvpn", bgpvpn=leaked, bgpvpn_id=leaked.id, local_pref=None)
    association = neutron.associate(
        objects.BGPVPNPortAssociation, other, ROUTER_MAC, port_id=PORT_1[0], advertise_fixed_ips=True
    )
    association.routes = [prefix, leak]
    before = speaker.instances()
    agent.tell(association, rpc_events.CREATED)
    to_prefix = f"ipvpn_portassoc_{association.id}_prefix_40_0_0_0_24"
    to_leak = f"ipvpn_portassoc_{association.id}_bgpvpn_{leaked.id}"
    ours.same("instances", {**before, to_prefix: "VRF", to_leak: "VRF"}, speaker.instances())

    seen = speaker.endpoints(to_prefix)[endpoint(PORT_1, "40.0.0.0/24")]
    ours.same("direction", "to-port", seen["direction"])
    ours.same("local preference", 77, seen["local_pref"])
    routes = [text for route in speaker.get("vpns", "instances", to_prefix, "adv_routes") for text in route]
    if not any("40.0.0.0/24" in text for text in routes):
        raise AssertionError(f"the prefix itself is not advertised: {routes}")
    ours.same("targets", ({"64512:500"}, {"64512:500"}), speaker.targets(to_prefix))
    readvertise = speaker.get("vpns", "instances", to_leak, "readvertise")
    ours.same("from", {"target:64512:600", "target:64512:601"}, set(readvertise["from"]))
    ours.same("to", ["target:64512:500"], readvertise["to"])

    # One of its routes goes, then all.
    changed = association.obj_clone()
    changed.subnets, changed.routes = association.subnets, [leak]
    agent.tell(changed, rpc_events.UPDATED)
    ours.same("instances", {**before, to_leak: "VRF"}, speaker.instances())
    agent.tell(changed, rpc_events.DELETED)
    ours.same("instances", before, speaker.instances())


def everything(speaker):
    """All that a resync has to bring back."""
    return {
        instance: (kind, speaker.targets(instance), set(speaker.endpoints(instance)))
        for instance, kind in speaker.instances().items()
    }


def restarts(speaker, agent):
    """A daemon that has died is noticed, then its successor, and everything is sent again, without our saying so."""
    wanted = everything(speaker)
    speaker.kill()
    agent.until(agent.client.BAGPIPEBGP_DOWN)
    agent.plug(PORT_1)  # dropped by the agent, not queued: the resync has to bring it
    speaker.start(eventlet.sleep)
    agent.until(agent.client.BAGPIPEBGP_UP)
    ours.until(lambda: everything(speaker) == wanted, "the agent has sent everything again", eventlet.sleep)

    # So fast that no ping failed: only the sequence number tells.
    number = agent.client.seq_num
    speaker.kill()
    speaker.start()
    ours.same("instances after a restart", {}, speaker.instances())
    ours.until(lambda: everything(speaker) == wanted, "the agent has noticed by the sequence number", eventlet.sleep)
    if agent.client.seq_num == number:
        raise AssertionError("the sequence number is that of the daemon before")


def all_goes(speaker, agent, l3_net, l2_net):
    agent.plug(PORT_2, up=False)
    for instance in (IPVPN, EVPN):
        ours.same("endpoints", {endpoint(PORT_1)}, set(speaker.endpoints(instance)))
    agent.tell(l3_net, rpc_events.DELETED)
    ours.same("instances", {EVPN: "EVI"}, speaker.instances())
    agent.unplug(PORT_1)
    ours.same("instances", {}, speaker.instances())
    warnings = [record["message"] for record in speaker.get("logs")]
    ours.same("warnings", [], [message for message in warnings if "dummy" not in message])


def main(program):
    cfg.CONF(args=[], project="neutron")
    securitygroups_rpc.register_securitygroups_opts()
    with ours.running(program) as speaker:
        neutron = Neutron()
        agent = Agent(neutron, speaker.port)
        agent.until(agent.client.BAGPIPEBGP_UP)
        l3_net, l2_net = a_network_in_both_kinds_of_vpn(speaker, neutron, agent)
        targets_change(speaker, neutron, agent, l3_net)
        port_associations(speaker, neutron, agent)
        restarts(speaker, agent)
        all_goes(speaker, agent, l3_net, l2_net)
    print("ok: the Neutron agent's BGPVPN extension")


if __name__ == "__main__":
    status = 1
    try:
        main(*sys.argv[1:])
        status = 0
    except Exception:
        traceback.print_exc()
    finally:
        # The agent's polling would keep the interpreter from ending.
        sys.stdout.flush()
        os._exit(status)
