"""Our daemon, started for a test, and its looking glass."""

import contextlib
import json
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

DEADLINE = 20  # seconds; a fact that takes longer does not come


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Speaker:
    """`bagpipe-bgp` with dummy drivers and no peer, listening on the same port however often it is started."""

    def __init__(self, program):
        self.program = program
        self.port = free_port()
        self.process = None
        self.place = tempfile.TemporaryDirectory(prefix="bagpipe-clients-")
        self.log = pathlib.Path(self.place.name, "log")
        self.config = pathlib.Path(self.place.name, "bgp.conf")
        self.config.write_text(
            "[BGP]\nlocal_address = 127.0.0.1\nmy_as = 64512\npeers =\n"
            f"[API]\nhost = 127.0.0.1\nport = {self.port}\n"
            "[DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = dummy\n"
            "[DATAPLANE_DRIVER_EVPN]\ndataplane_driver = dummy\n"
        )

    def start(self, pause=time.sleep):
        """Starts it and waits until it answers; `pause(seconds)` lets others run meanwhile."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.program, "--config-file", self.config], stderr=log)
        until(lambda: self.get("summary", "version"), "the daemon answers", pause)

    def kill(self):
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it as a user would; it has to end well."""
        self.process.terminate()
        status = self.process.wait(DEADLINE)
        if status != 0:
            raise AssertionError(f"the daemon ended with {status}:\n{self.log.read_text()}")

    def get(self, *path):
        """What the looking glass says, None where it says 404 or nobody listens."""
        quoted = "/".join(urllib.parse.quote(element, safe="") for element in path)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/looking-glass/{quoted}") as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
        except OSError:
            return None

    def instances(self):
        """{identifier: "VRF" or "EVI"}"""
        return {instance["id"]: instance["name"][:3] for instance in self.get("vpns", "instances") or ()}

    def endpoints(self, instance):
        """{(port, MAC, IP as it was given): endpoint}"""
        return {
            (port, endpoint["mac_address"], endpoint["ip_address"]): endpoint
            for port, details in (self.get("vpns", "instances", instance, "ports") or {}).items()
            for endpoint in details["endpoints"]
        }

    def targets(self, instance):
        """(import, export), as sets without the word `target:`"""
        targets = self.get("vpns", "instances", instance, "route_targets")
        return tuple({target.removeprefix("target:") for target in targets[way]} for way in ("import", "export"))


@contextlib.contextmanager
def running(program):
    """A Speaker that has started, ended and checked at the end; its log is shown when something failed."""
    speaker = Speaker(program)
    try:
        speaker.start()
        yield speaker
        speaker.stop()
    except BaseException:
        print(f"-- log of the daemon\n{speaker.log.read_text()}")
        raise
    finally:
        if speaker.process and speaker.process.poll() is None:
            speaker.kill()
        speaker.place.cleanup()


def until(fact, what, pause=time.sleep):
    """Waits until `fact()` is true or equal to what is wanted, and says what was seen instead when it never is."""
    deadline = time.monotonic() + DEADLINE
    while True:
        seen = fact()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE} s: {what}")
        pause(0.02)


def same(what, wanted, seen):
    """Says what differs."""
    if wanted != seen:
        raise AssertionError(f"{what}:\n  wanted {wanted!r}\n  seen   {seen!r}")
