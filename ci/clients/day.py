#!/usr/bin/env python3
"""A day of somebody who used the Python daemon: install, configure, start, attach, look, lose the reflector, get it
back, restart, detach, clean up. Two hosts of a lab stand for two compute nodes; what is typed on them is what the
reference's documentation has people type, and the client is networking-bagpipe's own.

usage: day.py DIRECTORY-OF-OUR-PROGRAMS     (with the Python of `ci/python client`)
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import speaker as ours

LAB = """
[lab]
name = "day"
[nodes]
rr = { kind = "fakerr" }
a = { kind = "host" }
b = { kind = "host" }
[lans]
underlay = { join = ["rr", "a", "b"], subnet = "10.0.0.0/24" }
"""
RT = "64512:79"
# The status of labgen where the machine lacks what a lab needs.
LACKING = 3

# Runs on a node, with the class that Neutron's agent talks to the daemon by.
CLIENT = """
import json, sys, warnings
warnings.filterwarnings("ignore")
from networking_bagpipe.agent.bagpipe_bgp_agent import HTTPClientBase
client = HTTPClientBase(client_name="Open vSwitch agent")
action, body = sys.argv[1], json.loads(sys.argv[2])
print(json.dumps(client.get(action) if body is None else client.post(action, body)))
"""


class Host:
    """A compute node: its own configuration, pid file and log; the programs are installed once for both."""

    def __init__(self, lab, name, address):
        self.lab, self.name, self.address = lab, name, address
        self.place = lab.place / name
        self.place.mkdir()
        self.vm_ip = f"12.11.11.{1 if name == 'a' else 2}"

    def run(self, *command, check=True):
        environment = {
            "PATH": f"{self.lab.root}/usr/local/bin:{os.environ['PATH']}",
            "BAGPIPE_BGP_CONFIG_FILE": f"{self.place}/bgp.conf",
            "DEFAULTS": f"{self.place}/defaults",
            "PID_FILE": f"{self.place}/run/pid",
            "DAEMON": f"{self.lab.root}/usr/local/bin/bagpipe-bgp",
            "CLEANUP": f"{self.lab.root}/usr/local/bin/bagpipe-bgp-cleanup",
        }
        words = ["env", *(f"{key}={value}" for key, value in environment.items()), *command]
        return self.lab.labgen("exec", self.name, "--", *words, check=check)

    def service(self, action):
        return self.run(f"{self.lab.root}/etc/init.d/bagpipe-bgp", action).strip()

    def client(self, action, body=None):
        return json.loads(self.run(sys.executable, "-c", CLIENT, action, json.dumps(body)))

    def look(self, *path):
        """What the Python looking glass prints."""
        return self.run(str(pathlib.Path(sys.executable).with_name("bagpipe-looking-glass")), *path)

    def configure(self):
        """The sample, with the few things changed that everybody has to change."""
        sample = (self.lab.root / "etc/bagpipe-bgp/bgp.conf").read_text()
        for line, own in (
            ("local_address=eth0", "local_address=underlay"),
            ("peers=192.168.0.101", "peers=10.0.0.1"),
            ("[DATAPLANE_DRIVER_EVPN]\n# dummy, linux\ndataplane_driver = dummy",
             "[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = linux"),
        ):  # fmt: skip
            if line not in sample:
                raise AssertionError(f"the sample configuration has no {line!r}")
            sample = sample.replace(line, own)
        (self.place / "bgp.conf").write_text(sample)
        (self.place / "defaults").write_text(f'OPTIONS="--log-file={self.place}/log"\n')

    def attach(self):
        """A namespace as a virtual machine, and what was sent for it."""
        said = self.run(
            "bagpipe-rest-attach", "--attach", "--port", "netns", "--ip", self.vm_ip, "--network-type", "evpn",
            "--vpn-instance-id", "test2", "--rt", RT, "--json",
        )  # fmt: skip
        self.body = json.loads(said)["request"]

    def pings(self, other):
        """Whether the other's virtual machine answers ours."""
        command = ["ip", "netns", "exec", "test2", "ping", "-c", "1", "-W", "1", other.vm_ip]
        return "1 received" in self.run(*command, check=False)

    def links(self):
        return {link["ifname"] for link in json.loads(self.run("ip", "-j", "link"))}

    def established(self):
        return self.look("summary", "BGP_established_peers").strip()


class Lab:
    def __init__(self, programs, place):
        self.program, self.place, self.root = programs / "labgen", place, place / "root"
        self.environment = {**os.environ, "LABGEN_STATE": str(place / "state")}
        scenario = place / "day.toml"
        scenario.write_text(LAB)
        self.labgen("up", str(scenario), check=None)

    def labgen(self, *arguments, check=True):
        run = subprocess.run(
            [self.program, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=120,
        )  # fmt: skip
        if check is None and run.returncode == LACKING:
            print(f"SKIPPED: a user's day\n{run.stderr}")
            sys.exit()
        if check is not False and run.returncode != 0:
            raise AssertionError(f"labgen {' '.join(arguments)}: {run.returncode}\n{run.stdout}{run.stderr}")
        return run.stdout


def day(lab, programs, hosts):
    a, b = hosts
    step("install and configure")
    install = pathlib.Path(__file__).resolve().parents[2] / "packaging" / "install"
    subprocess.run([install, "--root", lab.root, "--bin", programs], check=True, stdout=subprocess.DEVNULL)
    before = {host: host.links() for host in hosts}
    for host in hosts:
        host.configure()

    step("start, and look")
    for host in hosts:
        ours.same("start", "Starting BGP component...", host.service("start"))
        ours.same("status", "BGP component is running.", host.service("status"))
    for host in hosts:
        ours.until(lambda: host.established() == "1", f"{host.name} has a session")
    ours.same("instances at first", "-", a.look("vpns", "instances").strip() or "-")

    step("attach, and ping")
    for host in hosts:
        host.attach()
        # The agent sends the same again whenever it is not sure: nothing changes.
        ours.same("attach again", None, host.client("attach_localport", host.body))
    ours.until(lambda: a.pings(b), "the virtual machines ping")
    if f"evpn:macadv::{b.address}:" not in a.look("bgp", "routes"):
        raise AssertionError("the route of the other is not in the looking glass")

    step("lose the reflector, and get it back")
    lab.labgen("halt", "rr")
    for host in hosts:
        ours.until(lambda: host.established() == "0", f"{host.name} has lost its session")
    lab.labgen("start", "rr")
    for host in hosts:
        ours.until(lambda: host.established() == "1", f"{host.name} has its session again")
    ours.until(lambda: b.pings(a), "the virtual machines ping again")

    step("restart a daemon under its traffic")
    first, links = a.client("ping"), a.links()
    ours.same("restart", "Starting BGP component...", a.service("restart"))
    ours.same("interfaces after the restart", links, a.links())
    second = a.client("ping")
    if first == second or second in (0, -1):
        raise AssertionError(f"an agent does not notice the restart: {first}, {second}")
    ours.same("the agent's resync", None, a.client("attach_localport", a.body))
    ours.until(lambda: a.established() == "1" and b.pings(a), "the virtual machines ping after the restart")

    step("detach, stop and clean up")
    for host in hosts:
        ours.same("detach", None, host.client("detach_localport", host.body))
        ours.same("stop", "Stopping BGP component with dataplane cleanup...", host.service("stop"))
        host.run("ip", "netns", "delete", "test2")
        host.run("ip", "link", "delete", "ns-test2", check=False)
        ours.same(f"interfaces of {host.name} in the end", before[host], host.links())


def step(what):
    print(f"   {what}", flush=True)


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="bagpipe-day-") as place:
        lab = Lab(programs, pathlib.Path(place))
        try:
            hosts = [Host(lab, "a", "10.0.0.2"), Host(lab, "b", "10.0.0.3")]
            day(lab, programs, hosts)
        except BaseException:
            for log in sorted(pathlib.Path(place).glob("?/log")):
                print(f"-- {log.parent.name}\n{log.read_text()}")
            raise
        finally:
            lab.labgen("down", check=False)
    print("ok a user's day")


if __name__ == "__main__":
    main()
