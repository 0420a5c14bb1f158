"""The protocol of cc-proxy once more, for its doubles: written from its description and not from
libs/ccproto, against which it is held by the bytes of golden_test.py."""

import json
import struct
import threading

COMMAND, RESPONSE, STREAM, NOTIFICATION = range(4)
REGISTER_VM, UNREGISTER_VM, ATTACH_VM, HYPER, CONNECT_SHIM, DISCONNECT_SHIM, SIGNAL = range(7)
STDIN, STDOUT, STDERR, LOG = range(4)
PROCESS_EXITED = 0

HEADER = struct.Struct(">HB3xBBI")
ERROR = 0x10


class Malformed(Exception):
    """Bytes that are no frame."""


def encode(kind, opcode, payload=b"", error=False):
    return HEADER.pack(2, 3, (ERROR if error else 0) | kind, opcode, len(payload)) + payload


def read_exactly(sock, size):
    """None at the end of the stream, also when its other end was killed."""
    data = b""
    while len(data) < size:
        try:
            piece = sock.recv(min(size - len(data), 1 << 16))
        except ConnectionResetError:
            piece = b""
        if not piece:
            return None
        data += piece
    return data


class Connection:
    """Frames over a socket; several threads may send."""

    def __init__(self, sock):
        self.sock = sock
        self.lock = threading.Lock()

    def send(self, kind, opcode, payload=b"", error=False):
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        with self.lock:
            self.sock.sendall(encode(kind, opcode, payload, error))

    def read(self):
        """(kind, opcode, error, payload), or None at the end."""
        header = read_exactly(self.sock, HEADER.size)
        if header is None:
            return None
        version, words, kind, opcode, size = HEADER.unpack(header)
        if version != 2 or words < 3:
            raise Malformed(f"version {version}, {words} words")
        read_exactly(self.sock, words * 4 - HEADER.size)
        payload = read_exactly(self.sock, size)
        return None if payload is None else (kind & 0xf, opcode, bool(kind & ERROR), payload)
