"""The frames of the doubles, byte for byte, against those written out by hand from the description
of the protocol; libs/ccproto is held against the same ones."""

import os
import re
import socket
import sys
import unittest

sys.dont_write_bytecode = True

import frames  # pylint: disable=wrong-import-position

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = {
    "unregister": (frames.COMMAND, frames.UNREGISTER_VM, False, b'{"containerId":"pod"}',
                   "0002 03 000000 00 01 00000015 7b22636f6e7461696e65724964223a22706f64227d"),
    "connect": (frames.COMMAND, frames.CONNECT_SHIM, False, b'{"token":"dG9r"}',
                "0002 03 000000 00 04 00000010 7b22746f6b656e223a2264473972227d"),
    "disconnect": (frames.COMMAND, frames.DISCONNECT_SHIM, False, b"",
                   "0002 03 000000 00 05 00000000"),
    "attached": (frames.RESPONSE, frames.ATTACH_VM, False, b"", "0002 03 000000 01 02 00000000"),
    "refused": (frames.RESPONSE, frames.CONNECT_SHIM, True, b'{"msg":"no"}',
                "0002 03 000000 11 04 0000000c 7b226d7367223a226e6f227d"),
    "stdin": (frames.STREAM, frames.STDIN, False, b"hi\n", "0002 03 000000 02 00 00000003 68690a"),
    "stdout": (frames.STREAM, frames.STDOUT, False, b"\0\xff",
               "0002 03 000000 02 01 00000002 00ff"),
    "stderr": (frames.STREAM, frames.STDERR, False, b"e", "0002 03 000000 02 02 00000001 65"),
    "log": (frames.STREAM, frames.LOG, False, b"{}", "0002 03 000000 02 03 00000002 7b7d"),
    "exited": (frames.NOTIFICATION, frames.PROCESS_EXITED, False, b"\x89",
               "0002 03 000000 03 00 00000001 89"),
}


class Golden(unittest.TestCase):
    def setUp(self):
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        self.wire, self.connection = ours, frames.Connection(theirs)

    def test_both_ways(self):
        for name, (kind, opcode, error, payload, text) in GOLDEN.items():
            with self.subTest(name):
                data = bytes.fromhex(text)
                self.assertEqual(frames.encode(kind, opcode, payload, error), data)
                self.wire.sendall(data)
                self.assertEqual(self.connection.read(), (kind, opcode, error, payload))

    def test_the_library_knows_the_same(self):
        path = os.path.join(HERE, "../../libs/ccproto/src/golden_test.cc")
        with open(path, encoding="utf-8") as f:
            known = re.sub(r'["\s]', "", f.read())
        for name, golden in GOLDEN.items():
            with self.subTest(name):
                self.assertIn(golden[-1].replace(" ", ""), known)

    def test_longer_headers_are_skipped(self):
        self.wire.sendall(bytes.fromhex("0002 04 000000 02 01 00000001 ffffffff 41"))
        self.assertEqual(self.connection.read(), (frames.STREAM, frames.STDOUT, False, b"A"))

    def test_noise_is_refused(self):
        for text in ("0001 03 000000 00 00 00000000", "0200 03 000000 00 00 00000000",
                     "0002 02 000000 00 00 00000000"):
            with self.subTest(text):
                self.wire.sendall(bytes.fromhex(text))
                with self.assertRaises(frames.Malformed):
                    self.connection.read()


if __name__ == "__main__":
    unittest.main()
