"""Runs a command with an etcd server of its own; {etcd} in the arguments is its address.

  with_etcd.py COMMAND [ARGUMENT ...]
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def start(directory):
    client, peer = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    with open(f"{directory}/log", "wb") as log:
        server = subprocess.Popen(
            ["etcd", "--data-dir", f"{directory}/data", "--name", "test",
             "--listen-client-urls", client, "--advertise-client-urls", client,
             "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", f"test={peer}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    return server, client


def answers(server, client, seconds):
    """Whether the server serves before it ends or the time is over."""
    deadline = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < deadline:
        health = subprocess.run(["etcdctl", "--endpoints", client, "--command-timeout", "2s",
                                 "endpoint", "health"], capture_output=True, check=False)
        if health.returncode == 0:
            return True
    return False


def main(command):
    if not command or shutil.which("etcd") is None or shutil.which("etcdctl") is None:
        print("with_etcd.py needs a command, etcd and etcdctl", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="with-etcd-") as directory:
        for _ in range(5):  # another process may take the port meanwhile
            server, client = start(directory)
            try:
                if answers(server, client, 60):
                    return subprocess.run([word.replace("{etcd}", client) for word in command],
                                          check=False).returncode
            finally:
                server.kill()
                server.wait()
        with open(f"{directory}/log", encoding="utf-8", errors="replace") as log:
            print(log.read()[-2000:], file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
