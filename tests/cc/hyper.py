"""What the doubles of cc-proxy and hyperstart say to each other over the two serial channels."""

import struct

from frames import read_exactly

CODES = {"startsandbox": 1, "destroysandbox": 4, "execcmd": 6, "ready": 8, "ack": 9, "error": 10,
         "winsize": 11, "ping": 12, "newcontainer": 17, "killcontainer": 18,
         "removecontainer": 22, "signalprocess": 25}
NAMES = {code: name for name, code in CODES.items()}
CONTROL = struct.Struct(">II")  # code, length with this header
STREAM = struct.Struct(">QI")  # number of the stream, length with this header


def control(name, data=b""):
    return CONTROL.pack(CODES[name], CONTROL.size + len(data)) + data


def read_control(sock):
    """(name, data), or None at the end."""
    header = read_exactly(sock, CONTROL.size)
    if header is None:
        return None
    code, length = CONTROL.unpack(header)
    data = read_exactly(sock, length - CONTROL.size)
    return None if data is None else (NAMES.get(code, str(code)), data)


def stream(number, data=b""):
    return STREAM.pack(number, STREAM.size + len(data)) + data


def read_stream(sock):
    """(number, data), or None at the end."""
    header = read_exactly(sock, STREAM.size)
    if header is None:
        return None
    number, length = STREAM.unpack(header)
    data = read_exactly(sock, length - STREAM.size)
    return None if data is None else (number, data)
