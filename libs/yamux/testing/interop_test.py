"""Our yamux and hashicorp's, in both roles: everything sent comes back unchanged.

YAMUX_PEER and YAMUX_GO_PEER name the two programs.
"""
import os
import unittest

import peers

OURS = os.environ["YAMUX_PEER"]
GO = os.environ["YAMUX_GO_PEER"]
STREAMS = 64
TIMEOUT = 100


class Interop(unittest.TestCase):
    def both_echo(self, client, server, seed):
        """Each side opens 64 streams, of random sizes; ours resets some more in the middle."""
        running = peers.pair((client, "client", "echo", STREAMS, seed),
                             (server, "server", "echo", STREAMS, seed + 1000))
        # Both have said "done" before either end is closed, so that none is cut off.
        lines = [process.stdout.readline() for process in running]
        if lines != ["done\n", "done\n"]:
            for process in running:
                process.kill()
            self.fail([lines, *(peers.finish(process, TIMEOUT)[2] for process in running)])
        self.end(running)

    def end(self, running):
        """The death of one is the end of the session for the other, which then ends with 0."""
        running[0].kill()
        peers.finish(running[0], TIMEOUT)
        status, _, err = peers.finish(running[1], TIMEOUT)
        self.assertEqual((status, err), (0, ""))

    def test_our_client_their_server(self):
        self.both_echo(OURS, GO, 1)

    def test_their_client_our_server(self):
        self.both_echo(GO, OURS, 2)

    def test_ours_with_ours(self):
        self.both_echo(OURS, OURS, 3)

    def test_ten_thousand_streams_one_after_the_other(self):
        for opener, other in ((OURS, GO), (GO, OURS)):
            with self.subTest(opener):
                client, server = peers.pair((opener, "client", "open", 10000),
                                            (other, "server", "sink"))
                status, out, err = peers.finish(client, TIMEOUT)
                self.assertEqual((status, err), (0, ""))
                self.assertGreater(int(out), 0)
                self.assertEqual(peers.finish(server, TIMEOUT), (0, "", ""))

    def test_a_peer_that_speaks_nonsense_is_cut_off(self):
        a, b = peers.socket.socketpair()
        with a, b:
            process = peers.start(OURS, b, "server", "sink")
            a.sendall(b"GET / HTTP/1.1\r\n")
            status, _, err = peers.finish(process, TIMEOUT)
        self.assertEqual(status, 1)
        self.assertIn("yamux: frame of version 71", err)


if __name__ == "__main__":
    unittest.main()
