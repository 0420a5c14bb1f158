"""Finds and fetches Debian packages with apt, from whatever mirror apt is set up for."""

import os
import pathlib
import re
import subprocess

from .error import ImageError

META_PACKAGE = "linux-image-amd64"


class Apt:
    """apt with its own caches below `directory`, so that nothing of the system's changes."""

    def __init__(self, directory):
        self._directory = pathlib.Path(directory)
        self._lists = None  # nothing: the system's package lists

    def kernel_package(self):
        """(name, version) of the newest kernel, or nothing if apt knows none."""
        text = self._run(["apt-cache", "show", "--no-all-versions", META_PACKAGE]).stdout
        found = re.search(r"^Depends:.*?(linux-image-[0-9][^ ,|]*) \(= ([^)]+)\)", text, re.M)
        return found.groups() if found else None

    def download(self, name, version, directory):
        """Puts the package into `directory`; apt has checked its hash. The error text, or ''."""
        made = self._run(["apt-get", "download", "-qq", f"{name}={version}"], cwd=directory)
        return "" if made.returncode == 0 else made.stderr.strip()

    def refresh(self):
        """Fetches package lists of our own; the system's stay as they are. Error text, or ''."""
        self._lists = self._directory / "lists"
        (self._lists / "partial").mkdir(parents=True, exist_ok=True)
        made = self._run(["apt-get", "update", "-qq"])
        return "" if made.returncode == 0 else made.stderr.strip()

    def _run(self, command, cwd=None):
        self._directory.mkdir(parents=True, exist_ok=True)
        options = [f"Dir::Cache::pkgcache={self._directory}/pkgcache.bin",
                   f"Dir::Cache::srcpkgcache={self._directory}/srcpkgcache.bin",
                   "Acquire::Retries=2", "Acquire::Languages=none"]
        if os.geteuid() == 0:
            options.append("APT::Sandbox::User=root")  # user _apt cannot write our directory
        if self._lists:
            options.append(f"Dir::State::lists={self._lists}")
        command = command[:1] + [word for option in options for word in ("-o", option)] + command[1:]
        try:
            return subprocess.run(command, cwd=cwd, text=True, capture_output=True, check=False,
                                  env={**os.environ, "LC_ALL": "C.UTF-8"})
        except FileNotFoundError as error:
            raise ImageError(f"{command[0]} not found: the guest image is made from Debian "
                             "packages, so build it on Debian, or give --kernel-deb") from error


def deb_field(deb, field):
    made = subprocess.run(["dpkg-deb", "-f", str(deb), field], text=True, capture_output=True,
                          check=False)
    if made.returncode != 0 or not made.stdout.strip():
        raise ImageError(f"{deb} is not a Debian package: {first_line(made.stderr)}")
    return made.stdout.strip()


def extract(deb, directory):
    made = subprocess.run(["dpkg-deb", "-x", str(deb), str(directory)], text=True,
                          capture_output=True, check=False)
    if made.returncode != 0:
        raise ImageError(f"{deb} is damaged ({first_line(made.stderr)}); "
                         "remove it and run again to fetch it anew")


def first_line(text):
    lines = [line for line in text.strip().splitlines() if line]
    return lines[0] if lines else "no reason given"
