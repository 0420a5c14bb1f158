"""Where the kernel package comes from: a file, the cache, or the mirror, in that order."""

import pathlib
import sys

from . import debian
from .error import ImageError


class KernelSource:
    """A kernel package by name and version; deb() fetches it when it is really needed."""

    def __init__(self, name, version, deb=None, fetch=None):
        self.name = name
        self.version = version
        self._deb = deb
        self._fetch = fetch

    def deb(self):
        return self._deb or self._fetch()


def from_file(path):
    path = pathlib.Path(path)
    if not path.is_file():
        raise ImageError(f"kernel package {path}: no such file")
    return KernelSource(debian.deb_field(path, "Package"), debian.deb_field(path, "Version"), path)


def from_apt(cache):
    """What apt would install as linux-image-amd64 now; without apt's help, the newest cached."""
    apt = debian.Apt(cache / "apt")
    package = apt.kernel_package()
    if package is None and (cached := _newest(cache)):
        return cached
    reason = "apt's package lists are empty"
    if package is None:
        reason = apt.refresh() or reason
        package = apt.kernel_package()
    if package is None:
        raise ImageError(_advice(debian.META_PACKAGE, reason, cache))
    deb = _path(cache, *package)
    if deb.is_file():
        return KernelSource(*package, deb)
    return KernelSource(*package, fetch=lambda: _download(apt, package, cache))


def cached_instead(cache):
    """The newest package of the cache after a failed download, or nothing."""
    return _newest(cache)


def _download(apt, package, cache):
    directory = cache / "debs"
    directory.mkdir(parents=True, exist_ok=True)
    print(f"guest-image: fetching {package[0]} {package[1]} (70 MB)", file=sys.stderr)
    error = apt.download(*package, directory)
    if error:
        # The mirror may have moved on since the lists were fetched.
        error = apt.refresh() or error
        package = apt.kernel_package() or package
        error = apt.download(*package, directory)
    deb = _path(cache, *package)
    if error or not deb.is_file():
        raise ImageError(_advice(f"{package[0]} {package[1]}", error, cache))
    return deb


def _path(cache, name, version):
    return cache / "debs" / f"{name}_{version.replace(':', '%3a')}_amd64.deb"


def _newest(cache):
    debs = sorted((cache / "debs").glob("linux-image-*.deb"), key=lambda deb: deb.stat().st_mtime)
    return from_file(debs[-1]) if debs else None


def _advice(package, reason, cache):
    return (f"cannot fetch Debian package {package}: {debian.first_line(reason)}. "
            f"Connect to a Debian mirror and run again, or copy the .deb to {cache}/debs/ "
            "from another machine, or name it with --kernel-deb FILE")
