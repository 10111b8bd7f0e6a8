#!/usr/bin/env python3
"""The Python command line tools and ours say the same of the same daemon, character by character.

usage: tools.py DIRECTORY-OF-OUR-PROGRAMS     (with the Python of `ci/python client`)
"""

import difflib
import json
import pathlib
import subprocess
import sys
import urllib.request

import speaker as ours

# Bodies of attachments that together make something of everything the tools draw and show.
ATTACHMENTS = [
    {
        "vpn_type": "evpn", "vpn_instance_id": "evpn-1", "vni": 77, "mac_address": "00:00:de:ad:be:01",
        "ip_address": "12.11.11.1/24", "gateway_ip": "12.11.11.254", "local_port": {"linuxif": "to-vm1"},
        "import_rt": ["64512:77"], "export_rt": ["64512:77"], "description": {"port": "p1"},
    },
    {
        "vpn_type": "evpn", "vpn_instance_id": "evpn-1", "mac_address": "00:00:de:ad:be:02",
        "ip_address": None, "gateway_ip": "12.11.11.254", "local_port": {"linuxif": "tap2"},
        "import_rt": ["64512:77"], "export_rt": ["64512:77"],
    },
    {
        "vpn_type": "ipvpn", "vpn_instance_id": "a-VRF-with-a-long-name", "mac_address": "00:00:de:ad:be:03",
        "ip_address": "10.1.1.3/24", "gateway_ip": "10.1.1.254", "local_port": {"linuxif": "tap3"}, "local_pref": 50,
        "import_rt": ["64512:1", "64512:2"], "export_rt": ["64512:1"], "instance_description": "two\nlines",
    },
    {
        "vpn_type": "ipvpn", "vpn_instance_id": "chain", "mac_address": "00:00:de:ad:be:04",
        "ip_address": "10.1.2.4/24", "gateway_ip": "10.1.2.254", "local_port": {"linuxif": "tap4"},
        "import_rt": [], "export_rt": ["70000:3"],
        "readvertise": {"from_rt": ["64512:1"], "to_rt": ["64512:9"]},
    },
]  # fmt: skip

PATHS = [
    (), ("-r",), ("summary",), ("config",), ("bgp",), ("bgp", "peers"), ("-r", "bgp"), ("bgp", "routes"), ("vpns",),
    ("vpns", "instances"), ("-r", "vpns"), ("vpns", "instances", "evpn-1"), ("vpns", "instances", "evpn-1", "ports"),
    ("vpns", "instances", "a-VRF-with-a-long-name", "adv_routes"), ("vpns", "dataplane", "ids"), ("logs",),
]  # fmt: skip


def said(program, *arguments):
    run = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    if run.returncode != 0:
        raise AssertionError(f"{program} {' '.join(arguments)} ended with {run.returncode}:\n{run.stderr}")
    return run.stdout


def compare(what, theirs, mine):
    """Two texts, line by line."""
    difference = list(difflib.unified_diff(theirs, mine, "Python", "ours", lineterm=""))
    if difference:
        raise AssertionError(f"{what}:\n" + "\n".join(difference))


def looking_glass(python, programs, port):
    for path in PATHS:
        arguments = ("--port", str(port), *path)
        compare(
            f"bagpipe-looking-glass {' '.join(path)}",
            said(python / "bagpipe-looking-glass", *arguments).splitlines(),
            said(programs / "bagpipe-looking-glass", *arguments).splitlines(),
        )


def impex2dot(python, programs, port):
    """The Python one writes its lines in the order of sets; what stands in them has to be the same."""
    arguments = ("--port", str(port), "--server", "127.0.0.1")
    theirs = said(python / "bagpipe-impex2dot", *arguments).splitlines()
    mine = said(programs / "bagpipe-impex2dot", *arguments).splitlines()
    compare("bagpipe-impex2dot", sorted(theirs), sorted(mine))


def main(programs):
    programs, python = pathlib.Path(programs), pathlib.Path(sys.executable).parent
    with ours.running(programs / "bagpipe-bgp") as speaker:
        for body in ATTACHMENTS:
            request = urllib.request.Request(
                f"http://127.0.0.1:{speaker.port}/attach_localport",
                json.dumps(body).encode(),
                {"Content-Type": "application/json"},
            )
            urllib.request.urlopen(request).close()
        looking_glass(python, programs, speaker.port)
        print(f"ok: bagpipe-looking-glass, {len(PATHS)} views")
        impex2dot(python, programs, speaker.port)
        print("ok: bagpipe-impex2dot")


if __name__ == "__main__":
    main(*sys.argv[1:])
