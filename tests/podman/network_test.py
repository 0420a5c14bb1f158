"""Networks and pods."""

import json
import socket
import subprocess
import urllib.request

import harness
from harness import IMAGE, IN_VM

HTTPD = "echo ready; exec httpd -f -p 80 -h /srv"


def fetch(port, path="page"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
        return answer.read().decode()


def answers(port):
    try:
        return fetch(port) == "served\n"
    except OSError:
        return False


class Network(harness.PodmanTest):
    def test_port_of_the_host(self):
        self.detached("-p", "127.0.0.1:8080:80", "--dns", "192.0.2.53", "--dns-search",
                      "example.org", "--add-host", "friend:192.0.2.7", IMAGE, "sh", "-c", HTTPD,
                      name="web")
        harness.until(lambda: answers(8080), "the server in the container")
        self.assertIn("80/tcp -> 127.0.0.1:8080", self.podman("port", "web"))
        network = json.loads(self.podman("inspect", "web"))[0]["NetworkSettings"]["Networks"]
        address = next(iter(network.values()))["IPAddress"]
        mac = next(iter(network.values()))["MacAddress"]
        out = self.podman("exec", "web", "sh", "-c",
                          "ip -o addr show eth0; ip route; cat /sys/class/net/eth0/mtu "
                          "/sys/class/net/eth0/address; cat /etc/resolv.conf /etc/hosts")
        self.assertIn(f"inet {address}/16", out)
        self.assertRegex(out, "default via [0-9.]+ dev eth0")
        self.assertIn("\n1500\n" + mac, out)
        self.assertIn("nameserver 192.0.2.53", out)
        self.assertIn("search example.org", out)
        self.assertRegex(out, "192.0.2.7\\s+friend")
        self.assertRegex(out, address.replace(".", "\\.") + "\\s+.*web")
        # And the other way: what listens on the host.
        gateway = next(iter(network.values()))["Gateway"]
        with socket.create_server((gateway, 0)) as server:
            server.settimeout(harness.LIMIT)
            reply = subprocess.Popen([*harness.BED.command, "exec", "web", "nc", gateway,
                                      str(server.getsockname()[1])], stdout=subprocess.PIPE)
            connection, peer = server.accept()
            with connection:
                connection.sendall(b"from the host\n")
            self.assertEqual(peer[0], address)
            self.assertEqual(reply.communicate(timeout=harness.LIMIT)[0], b"from the host\n")

    def test_network_with_both_families_and_its_mtu(self):
        self.podman("network", "create", "--ipv6", "--subnet", "10.99.0.0/24", "--subnet",
                    "fd99::/64", "--opt", "mtu=1300", "--disable-dns", "both")
        self.addCleanup(self.podman, "network", "rm", "-f", "-t", "0", "both")
        out = self.podman("run", "--rm", "--network", "both", "--ip", "10.99.0.40", "--ip6",
                          "fd99::40", "--mac-address", "02:00:00:00:00:40", IMAGE, "sh", "-c",
                          "ip -o addr show eth0; ip -6 route; cat /sys/class/net/eth0/mtu "
                          "/sys/class/net/eth0/address; ping -c 1 -W 20 10.99.0.1 && "
                          "ping -6 -c 1 -W 20 fd99::1")
        self.assertIn("inet 10.99.0.40/24", out)
        self.assertIn("inet6 fd99::40/64", out)
        self.assertRegex(out, "default via fd99::1 dev eth0")
        self.assertIn("1300\n02:00:00:00:00:40", out)
        self.assertEqual(out.count("1 packets received"), 2)

    def test_two_networks(self):
        for name, subnet in (("one", "10.97.0.0/24"), ("two", "10.98.0.0/24")):
            self.podman("network", "create", "--subnet", subnet, "--disable-dns", name)
            self.addCleanup(self.podman, "network", "rm", "-f", "-t", "0", name)
        out = self.podman("run", "--rm", "--network", "one", "--network", "two", IMAGE, "ip", "-o",
                          "-4", "addr")
        self.assertIn("10.97.0.", out)
        self.assertIn("10.98.0.", out)


class Pods(harness.PodmanTest):
    """Two containers and podman's own in one pod, which no test changes for good."""

    @classmethod
    def setUpClass(cls):
        cls.must("pod", "create", "--name", "pod", "--hostname", "podhost", "-p",
                 "127.0.0.1:8081:80", "--share", "net,ipc,uts,pid")
        cls.must("run", "-d", "--pod", "pod", "--name", "first", IMAGE, "sh", "-c",
                 "echo shared > /dev/shm/word; " + HTTPD)
        cls.must("run", "-d", "--pod", "pod", "--name", "second", IMAGE, "sleep", "10000")

    @classmethod
    def must(cls, *words):
        done = cls.podman_raw(*words)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout

    def test_one_kernel(self):
        ids = {self.podman("exec", name, "cat", "/proc/sys/kernel/random/boot_id")
               for name in ("first", "second")}
        self.assertEqual(len(ids), 1)
        if IN_VM:
            self.assertNotIn(harness.read("/proc/sys/kernel/random/boot_id"), ids)

    def test_network_is_shared(self):
        harness.until(lambda: answers(8081), "the server in the pod")
        self.assertEqual(self.podman("exec", "second", "wget", "-q", "-O", "-",
                                     "http://127.0.0.1/page"), "served\n")

    def test_shared_memory(self):
        self.assertEqual(self.podman("exec", "second", "cat", "/dev/shm/word"), "shared\n")

    def test_namespaces(self):
        kinds = ["ipc", "uts", "net", "pid"]
        script = "; ".join(f"readlink /proc/self/ns/{kind}" for kind in kinds)
        first, second = (self.podman("exec", name, "sh", "-c", script).split()
                         for name in ("first", "second"))
        self.assertEqual(first, second)

    def test_processes_are_shared(self):
        self.assertIn("httpd", self.podman("exec", "second", "ps"))

    def test_hostname(self):
        self.assertEqual(self.podman("exec", "second", "hostname"), "podhost\n")

    def test_root_file_systems_are_apart(self):
        self.podman("exec", "first", "touch", "/mine")
        self.assertNotEqual(self.podman_raw("exec", "second", "ls", "/mine").returncode, 0)

    def test_one_is_replaced(self):
        self.podman("run", "-d", "--pod", "pod", "--name", "third", IMAGE, "sleep", "10000")
        self.podman("stop", "-t", "0", "third")
        self.podman("start", "third")
        self.assertEqual(self.podman("exec", "third", "cat", "/dev/shm/word"), "shared\n")
        self.podman("rm", "-f", "-t", "0", "third")
        self.assertEqual(self.podman("exec", "first", "echo", "on"), "on\n")


class PodLife(harness.PodmanTest):
    def test_stop_start_and_remove(self):
        self.podman("pod", "create", "--name", "life")
        self.addCleanup(self.podman, "pod", "rm", "-f", "-i", "-t", "0", "life")
        self.podman("create", "--pod", "life", "--name", "inside", IMAGE, "sleep", "10000")
        self.podman("pod", "start", "life")
        self.podman("exec", "inside", "true")
        self.podman("pod", "pause", "life")
        self.podman("pod", "unpause", "life")
        self.podman("pod", "stop", "-t", "0", "life")
        self.assertEqual(self.inspect("inside", "State.Status"), "exited")
        self.podman("pod", "start", "life")
        self.podman("exec", "inside", "true")
        self.podman("pod", "rm", "-f", "-t", "0", "life")


if __name__ == "__main__":
    harness.main()
