"""The double of cc-proxy by itself: tokens, refusals, what is kept for the next who claims."""

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import frames  # pylint: disable=wrong-import-position
import hyper  # pylint: disable=wrong-import-position

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 60


def listen(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen()
    sock.settimeout(LIMIT)
    return sock


class CcProxy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ccdouble-")
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        self.listeners = [listen(self.dir + name) for name in ("/ctl", "/io")]
        self.uri = "unix://" + self.dir + "/proxy.sock"
        self.proxy = subprocess.Popen([HERE + "/cc-proxy", "-uri", self.uri],
                                      stdout=subprocess.PIPE)
        self.addCleanup(self.end)
        self.open = []

    def end(self):
        self.proxy.kill()
        self.proxy.communicate()
        for sock in [*self.listeners, *self.open]:
            sock.close()

    def dial(self):
        while True:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(LIMIT)
            try:
                sock.connect(self.dir + "/proxy.sock")
                self.open.append(sock)
                return frames.Connection(sock)
            except OSError:
                sock.close()
                self.assertIsNone(self.proxy.poll())
                select.select([], [], [], 0.01)  # nobody tells when it listens

    def call(self, connection, opcode, message, error=False):
        connection.send(frames.COMMAND, opcode, message)
        reply = connection.read()
        self.assertEqual(reply[:3], (frames.RESPONSE, opcode, error), reply)
        return json.loads(reply[3]) if reply[3] else None

    def register(self):
        """A connection with a VM, and a token."""
        connection = self.dial()
        connection.send(frames.COMMAND, frames.REGISTER_VM,
                        {"containerId": "pod", "ctlSerial": self.dir + "/ctl",
                         "ioSerial": self.dir + "/io", "numIOStreams": 1})
        self.control, self.streams = (listener.accept()[0] for listener in self.listeners)
        self.open += [self.control, self.streams]
        self.control.sendall(hyper.control("ready"))
        reply = connection.read()
        self.assertEqual(reply[:3], (frames.RESPONSE, frames.REGISTER_VM, False))
        io = json.loads(reply[3])["io"]
        self.assertEqual(io["url"], self.uri)
        return connection, io["tokens"][0]

    def claim(self, token, error=False):
        connection = self.dial()
        self.call(connection, frames.CONNECT_SHIM, {"token": token}, error)
        return connection

    def test_tokens_have_one_claimer_at_a_time(self):
        _, token = self.register()
        self.claim("noSuchToken", error=True)
        first = self.claim(token)
        self.claim(token, error=True)
        first.sock.close()
        while True:  # until the proxy has noticed
            second = self.dial()
            second.send(frames.COMMAND, frames.CONNECT_SHIM, {"token": token})
            if not second.read()[2]:
                break
        self.claim(token, error=True)

    def test_what_comes_without_a_shim_is_kept(self):
        _, token = self.register()
        self.streams.sendall(hyper.stream(1, b"early") + hyper.stream(2, b"err"))
        shim = self.claim(token)
        self.assertEqual(shim.read(), (frames.STREAM, frames.STDOUT, False, b"early"))
        self.assertEqual(shim.read(), (frames.STREAM, frames.STDERR, False, b"err"))
        self.streams.sendall(hyper.stream(1) + hyper.stream(1, b"\x05"))
        self.assertEqual(shim.read(),
                         (frames.NOTIFICATION, frames.PROCESS_EXITED, False, b"\x05"))
        shim.send(frames.COMMAND, frames.DISCONNECT_SHIM)  # has no reply
        shim.send(frames.STREAM, frames.LOG, b"{}")
        self.call(shim, frames.CONNECT_SHIM, {"token": token}, error=True)

    def test_input_and_commands_reach_the_guest(self):
        runtime, token = self.register()
        shim = self.claim(token)
        shim.send(frames.STREAM, frames.STDIN, b"typed")
        runtime.send(frames.COMMAND, frames.HYPER,
                     {"hyperName": "newcontainer", "tokens": [token],
                      "data": {"id": "c", "process": {"id": "c"}}})
        name, data = hyper.read_control(self.control)
        self.assertEqual((name, json.loads(data)["process"]),
                         ("newcontainer", {"id": "c", "stdio": 1, "stderr": 2}))
        self.streams.setblocking(False)
        with self.assertRaises(BlockingIOError):  # before it runs nobody would read it
            self.streams.recv(1)
        self.streams.settimeout(LIMIT)
        self.control.sendall(hyper.control("ack"))
        self.assertEqual(runtime.read(), (frames.RESPONSE, frames.HYPER, False, b""))
        self.assertEqual(hyper.read_stream(self.streams), (1, b"typed"))
        shim.send(frames.COMMAND, frames.SIGNAL, {"signalNumber": 28, "rows": 24, "columns": 80})
        self.assertEqual(hyper.read_control(self.control)[0], "winsize")

    def test_refusals(self):
        stranger = self.dial()
        for opcode, message in ((frames.ATTACH_VM, {"containerId": "pod"}),
                                (frames.UNREGISTER_VM, {"containerId": "pod"}),
                                (frames.HYPER, {"hyperName": "ping"}),
                                (frames.SIGNAL, {"signalNumber": 15}), (frames.ATTACH_VM, {})):
            self.assertIn("msg", self.call(stranger, opcode, message, error=True))
        runtime, _ = self.register()
        self.call(runtime, frames.HYPER, {"hyperName": "dance"}, error=True)
        runtime.send(frames.COMMAND, frames.HYPER, {"hyperName": "ping"})
        self.assertEqual(hyper.read_control(self.control)[0], "ping")
        self.control.sendall(hyper.control("error", b"not today"))
        kind, opcode, error, payload = runtime.read()
        self.assertEqual((kind, opcode, error), (frames.RESPONSE, frames.HYPER, True))
        self.assertEqual(json.loads(payload), {"msg": "not today"})
        self.call(stranger, frames.REGISTER_VM, {"containerId": "pod"}, error=True)
        stranger.sock.sendall(b"GET / HTTP/1")
        self.assertIsNone(stranger.read())

    def test_leaves_when_its_vm_is_unregistered(self):
        runtime, _ = self.register()
        self.call(runtime, frames.UNREGISTER_VM, {"containerId": "pod"})
        self.assertEqual(self.proxy.wait(LIMIT), 0)
        self.assertFalse(os.path.exists(self.dir + "/proxy.sock"))

    def test_leaves_when_the_guest_is_gone(self):
        self.register()
        self.streams.close()
        self.assertEqual(self.proxy.wait(LIMIT), 1)


class CcShim(unittest.TestCase):
    """Against a proxy that is the test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ccdouble-")
        self.addCleanup(folder.cleanup)
        self.path = folder.name + "/proxy.sock"
        self.listener = listen(self.path)
        self.addCleanup(self.listener.close)
        self.shim = subprocess.Popen(
            [HERE + "/cc-shim", "-c", "c", "-t", "-G9r", "-u", "unix://" + self.path, "-r", "20"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end)

    def end(self):
        self.shim.kill()
        self.shim.communicate()

    def accept(self, refuse=False):
        sock = self.listener.accept()[0]
        self.addCleanup(sock.close)
        connection = frames.Connection(sock)
        self.assertEqual(connection.read(), (frames.COMMAND, frames.CONNECT_SHIM, False,
                                             b'{"token": "-G9r"}'))
        connection.send(frames.RESPONSE, frames.CONNECT_SHIM, {"msg": "no"} if refuse else b"",
                        refuse)
        return connection

    def test_from_claim_to_exit(self):
        proxy = self.accept()
        self.shim.stdin.write(b"in")
        self.shim.stdin.close()
        self.shim.stdin = None
        self.assertEqual(proxy.read(), (frames.STREAM, frames.STDIN, False, b"in"))
        self.assertEqual(proxy.read(), (frames.STREAM, frames.STDIN, False, b""))
        self.shim.send_signal(15)
        self.assertEqual(proxy.read(), (frames.COMMAND, frames.SIGNAL, False,
                                        b'{"signalNumber": 15}'))
        proxy.send(frames.RESPONSE, frames.SIGNAL)
        proxy.send(frames.STREAM, frames.STDOUT, b"out")
        proxy.send(frames.STREAM, frames.STDERR, b"err")
        proxy.send(frames.NOTIFICATION, frames.PROCESS_EXITED, b"\x89")
        self.assertEqual(proxy.read(), (frames.COMMAND, frames.DISCONNECT_SHIM, False, b""))
        self.assertEqual(self.shim.communicate(timeout=LIMIT), (b"out", b"err"))
        self.assertEqual(self.shim.returncode, 137)

    def test_refusal_is_final(self):
        self.accept(refuse=True)
        self.assertEqual(self.shim.wait(LIMIT), 1)
        self.assertEqual(self.shim.stderr.read(), b"cc-shim: no\n")

    def test_lost_proxy_is_looked_for_again(self):
        self.accept().sock.close()
        self.accept().send(frames.NOTIFICATION, frames.PROCESS_EXITED, b"\x04")
        self.assertEqual(self.shim.wait(LIMIT), 4)


class Flags(unittest.TestCase):
    def test_wrong_ones(self):
        for program, flags in (("cc-proxy", ["-listen", "x"]), ("cc-proxy", []),
                               ("cc-proxy", ["-uri"]), ("cc-shim", ["-c", "c"])):
            done = subprocess.run([f"{HERE}/{program}", *flags], capture_output=True, check=False)
            self.assertEqual(done.returncode, 2, (program, flags))

    def test_a_shim_without_a_proxy(self):
        done = subprocess.run([HERE + "/cc-shim", "-c", "c", "-t", "t", "-u", "unix:///nowhere"],
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"there is no proxy at unix:///nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
