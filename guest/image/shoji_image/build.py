"""Puts the image together, and knows when there is nothing to do."""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile

from . import cpio, elf, kernel, modules, source
from .error import ImageError

SCHEMA = 1
FILES = ("vmlinux", "initrd.img")
DIRECTORIES = ("dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp", "var")
KEEP = {"debs": 2, "kernel": 3, "image": 8}  # entries of the cache, the newest


def build(agent, output, cache, modules_file, kernel_deb=None, shoji_version=""):
    """Makes output/{vmlinux,initrd.img,manifest.json}. True if something had to be done."""
    agent_data = _read_agent(agent)
    wanted = modules.read_list(modules_file)
    output, cache = pathlib.Path(output), pathlib.Path(cache)
    with _locked(cache):
        chosen = source.from_file(kernel_deb) if kernel_deb else source.from_apt(cache)
        try:
            return _build(chosen, agent_data, wanted, shoji_version, output, cache)
        except ImageError as error:
            older = None if kernel_deb else source.cached_instead(cache)
            if older is None or (older.name, older.version) == (chosen.name, chosen.version):
                raise
            print(f"guest-image: warning: {error}; using {older.name} {older.version} "
                  "of the cache", file=sys.stderr)
            return _build(older, agent_data, wanted, shoji_version, output, cache)


def check(output):
    """Raises ImageError unless the files are exactly those of the manifest."""
    output = pathlib.Path(output)
    manifest = read_manifest(output)
    for name in FILES:
        said = manifest["files"].get(name, {})
        path = output / name
        if not path.is_file():
            raise ImageError(f"{path} is missing; build the target guest-image")
        if (path.stat().st_size, sha256_file(path)) != (said.get("size"), said.get("sha256")):
            raise ImageError(f"{path} is not the file that {output}/manifest.json describes; "
                             "build the target guest-image again")
    return manifest


def read_manifest(output):
    path = pathlib.Path(output) / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        if manifest["schema"] != SCHEMA or not isinstance(manifest["files"], dict):
            raise ImageError(f'{path} has schema {manifest["schema"]}, this builder knows {SCHEMA}')
        return manifest
    except FileNotFoundError as error:
        raise ImageError(f"{path} is missing; build the target guest-image") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ImageError(f"{path} is damaged ({error}); build the target guest-image") from error


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sha256_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _build(chosen, agent_data, wanted, shoji_version, output, cache):
    kernel_key = _key("kernel", chosen.name, chosen.version, wanted)
    image_key = _key("image", kernel_key, sha256(agent_data), shoji_version)
    if _is_current(output, image_key):
        return False
    kernel_dir = cache / "kernel" / kernel_key
    if not (kernel_dir / "kernel.json").is_file():
        _unpack(chosen, wanted, kernel_dir)
    image_dir = cache / "image" / image_key
    if not _is_whole(image_dir):
        _assemble(kernel_dir, agent_data, image_key, shoji_version, image_dir)
    _publish(kernel_dir, image_dir, output)
    for name, count in KEEP.items():
        _prune(cache / name, count)
    return True


def _unpack(chosen, wanted, kernel_dir):
    deb = chosen.deb()
    print(f"guest-image: unpacking {deb.name}", file=sys.stderr)
    kernel.unpack(deb, wanted, kernel_dir)


def _assemble(kernel_dir, agent_data, image_key, shoji_version, image_dir):
    facts = json.loads((kernel_dir / "kernel.json").read_text())
    initrd, listed = _initrd(kernel_dir, facts, agent_data)
    image = kernel_dir / "vmlinux"
    manifest = {
        "schema": SCHEMA, "build_id": image_key, "shoji_version": shoji_version,
        "kernel": {key: facts[key] for key in ("package", "version", "release")},
        "agent": {"size": len(agent_data), "sha256": sha256(agent_data)},
        "files": {"vmlinux": {"size": image.stat().st_size, "sha256": sha256_file(image)},
                  "initrd.img": {"size": len(initrd), "sha256": sha256(initrd)}},
        "modules": listed,
    }
    image_dir.mkdir(parents=True, exist_ok=True)
    _write(image_dir / "initrd.img", initrd)
    _write(image_dir / "manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())


def _initrd(kernel_dir, facts, agent_data):
    archive = cpio.Archive()
    for name in DIRECTORIES:
        archive.directory(name, 0o1777 if name == "tmp" else 0o755)
    archive.symlink("var/run", "/run")
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3, 0o666)
    archive.file("init", agent_data, 0o755)
    lines, listed = [], {}
    for feature, path in facts["modules"]:
        inside = f"lib/modules/{facts['release']}/{path}"
        lines.append(f"{feature}\t/{inside}\n")
        if inside in listed:
            listed[inside]["features"].append(feature)
            continue
        data = (kernel_dir / "modules" / path).read_bytes()
        archive.file(inside, data)
        listed[inside] = {"features": [feature], "path": f"/{inside}", "size": len(data),
                          "sha256": sha256(data)}
    archive.file("etc/shoji/modules", "".join(lines).encode())
    return archive.bytes(), list(listed.values())


def _publish(kernel_dir, image_dir, output):
    output.mkdir(parents=True, exist_ok=True)
    # The manifest last: it says that the others are in place.
    for path in (kernel_dir / "vmlinux", image_dir / "initrd.img", image_dir / "manifest.json"):
        with tempfile.NamedTemporaryFile(dir=output, prefix=".new-", delete=False) as scratch:
            try:
                shutil.copyfile(path, scratch.name)
                os.chmod(scratch.name, 0o644)
                os.replace(scratch.name, output / path.name)
            except BaseException:
                os.unlink(scratch.name)
                raise
    check(output)


def _is_current(output, image_key):
    try:
        return check(output)["build_id"] == image_key
    except (ImageError, KeyError, OSError):
        return False


def _is_whole(image_dir):
    try:
        said = read_manifest(image_dir)["files"]["initrd.img"]["sha256"]
        return sha256_file(image_dir / "initrd.img") == said
    except (ImageError, OSError, KeyError):
        return False


def _read_agent(path):
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"agent {path}: {error.strerror}; build the target shoji_agent") from error
    if not elf.is_static(data, f"agent {path}"):
        raise ImageError(f"agent {path} is linked dynamically, but the initrd holds no libraries; "
                         "link it with -static")
    return data


def _key(*parts):
    """A name for what is made of `parts` by this very builder."""
    digest = hashlib.sha256(repr((SCHEMA, parts)).encode())
    for path in sorted(pathlib.Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _write(path, data):
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_bytes(data)
    os.replace(scratch, path)


def _prune(directory, count):
    entries = sorted((path for path in directory.glob("*") if not path.name.startswith(".")),
                     key=lambda path: path.stat().st_mtime)
    for path in entries[:-count]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


class _locked:
    """One builder at a time works on a cache; the next one waits."""

    def __init__(self, cache):
        self._cache = pathlib.Path(cache)

    def __enter__(self):
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            self._file = open(self._cache / "lock", "w", encoding="ascii")
        except OSError as error:
            raise ImageError(f"cache {self._cache}: {error.strerror}; choose another with "
                             "--cache DIR or SHOJI_GUEST_CACHE=DIR") from error
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self._file.close()
