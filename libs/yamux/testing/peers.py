"""Two peers on the two ends of one socket pair."""
import socket
import subprocess


def start(program, sock, *words):
    """Starts a peer with `sock` as its standard input."""
    return subprocess.Popen([program, *map(str, words)], stdin=sock, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def pair(first, second):
    """Starts both of (program, words...) and gives the two processes."""
    a, b = socket.socketpair()
    with a, b:
        return start(first[0], a, *first[1:]), start(second[0], b, *second[1:])


def finish(process, timeout):
    """(exit status, stdout, stderr); ends a process that does not end by itself."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        err += f"did not end within {timeout} s"
    return process.returncode, out, err
