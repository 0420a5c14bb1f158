"""Every bad plugin is flagged by the check that is about its defect, and by no other.

  bad_plugins_test.py SHOJI_VALIDATE DIRECTORY_OF_PLUGINS
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

VALIDATE = sys.argv[1] if len(sys.argv) > 2 else ""
PLUGINS = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")
SECONDS = "10"  # of a check that hangs on purpose

# Plugin -> {check: (result, what the reason says)}.
EXPECTED = {
    "note-missing": {"note-present": ("fail", "no Shoji plugin note")},
    "note-field-missing": {"note-form": ("fail", "has 3 fields, a record \"option\" has 6"),
                           "note-options": ("fail", "has no help text")},
    "note-id": {"note-identity": ("fail", "\"Example KV\" is not reverse-DNS")},
    "note-id-not-dns": {"note-identity": ("fail", "\"kv\" is not reverse-DNS")},
    "note-version": {"note-identity": ("fail", "version \"v1\"")},
    "note-kind": {"note-identity": ("fail", "kind \"database\" is unknown"),
                  "note-interfaces": ("fail", "the kind needs interface shoji.database/1")},
    "note-abi": {"note-abi": ("fail", "range 2 to 1 is none")},
    "note-interface-twice": {"note-interfaces": ("fail", "shoji.store.scan/1 is there twice")},
    "note-option-default": {"note-options": ("fail", "option \"cache\": ")},
    "note-option-type": {"note-options": ("fail", "type \"bytes\" is unknown")},
    "note-option-secret-default": {"note-options": ("fail", "everybody can read")},
    "note-lies-interface": {"note-is-true": ("fail", "announces shoji.proxy/1")},
    "note-lies-txn": {"note-extensions": ("fail", "announces shoji.store.txn/1")},
    "note-hides-scan": {"note-extensions": ("fail", "gives shoji.store.scan/1")},
    "no-scan": {"note-extensions": ("fail", "announces shoji.store.scan/1")},
    "exports": {"elf-exports": ("fail", "symbols besides the entry")},
    "exports-protobuf": {"elf-exports": ("fail", "MessageLite"),
                         "elf-foreign-symbols": ("fail", "MessageLite")},
    "unique-symbol": {"elf-exports": ("fail", "one_for_all"),
                      "elf-unique-symbols": ("fail", "one_for_all")},
    "binds-late": {"elf-bind-now": ("fail", "-z,now")},
    "no-relro": {"elf-relro": ("fail", "-z,relro")},
    "executable-stack": {"elf-stack": ("fail", "executable stack")},
    "text-relocation": {"elf-text-relocations": ("fail", "-fPIC")},
    "no-build-id": {"elf-build-id": ("warning", "no build id")},
    "full-protobuf": {"elf-libraries": ("warning", "libprotobuf.so")},
    "not-elf": {"elf-shared-object": ("fail", "not an ELF file")},
    "cut-off": {"elf-shared-object": ("fail", "")},
    "open-aborts": {"plugin-opens": ("crash", "SIGABRT")},
    "open-exits": {"plugin-opens": ("crash", "exit status 0")},
    "open-hangs": {"plugin-opens": ("fail", f"did not return within {SECONDS} seconds")},
    "null-interface": {"plugin-opens": ("fail", "leaves get_interface NULL")},
    "shutdown": {"plugin-opens": ("crash", "SIGABRT")},
    "overrun": {"open-out-struct": ("fail", "writes behind shoji_plugin, 32 bytes")},
    "struct-size": {"open-longer-out-struct": ("fail", "from 96 to 32")},
    "reads-beyond": {"open-oldest-host": ("crash", "SIGSEGV")},
    "trusts-new-field": {"open-newer-host": ("crash", "SIGSEGV")},
    "abi-ignored": {"open-newer-abi": ("fail", "instead of FAILED_PRECONDITION")},
    "abi-message": {"open-newer-abi": ("fail", "does not name 7001"),
                    "open-older-abi": ("fail", "does not name 0")},
    "twice": {"open-twice": ("fail", "is open already")},
    "no-service": {"open-missing-services": ("crash", "SIGSEGV"),
                   "services-missing-in-use": ("crash", "SIGSEGV")},
    "service-use": {"services-missing-in-use": ("crash", "SIGSEGV")},
    "log-level": {"services-used-right": ("fail", "level 99")},
    "id-prefix": {"interface-whole-ids": ("fail", "shoji.store/10")},
    "id-crash": {"interface-unknown-ids": ("crash", "SIGABRT")},
    "id-any": {"interface-unknown-ids": ("fail", "com.example.unknown/1"),
               "interface-threads": ("fail", "another answer")},
    "no-interface": {"interface-required": ("fail", "gives NULL")},
    "threads": {"interface-threads": ("fail", "another answer")},
    "table-slot": {"table-slots": ("fail", "has no remove()")},
    "table-reserved": {"table-slots": ("fail", "reserved0 = 1")},
    "table-size": {"table-slots": ("fail", "struct_size 8")},
    "extension-table": {"table-extension-slots": ("fail", "reserved0 = 7")},
    "instance-fails": {"instance-opens": ("fail", "not today")},
    "instance-fd": {"leaves-no-descriptor": ("fail", "/dev/null")},
    "error-code": {"error-codes": ("fail", "fails with 99")},
    "error-lines": {"error-messages": ("fail", "not one line")},
    "error-silent": {"error-messages": ("fail", "no message")},
    "error-null": {"error-null": ("crash", "SIGSEGV")},
    "error-output": {"error-outputs": ("fail", "changes its output")},
    "refusal": {"error-refusals": ("fail", "fails with NOT_FOUND")},
    "secret-log": {"secrets": ("fail", "in a log line")},
    "secret-print": {"secrets": ("fail", "bad: token")},
    "fd": {"leaves-no-descriptor": ("fail", "/dev/null")},
    "thread": {"leaves-no-thread": ("fail", "threads run on")},
    "fork": {"leaves-no-process": ("fail", "running")},
    "zombie": {"leaves-no-process": ("fail", "a child process is there")},
    "memory": {"leaves-no-memory": ("warning", "KiB more memory")},
    "chdir": {"keeps-directory": ("fail", "working directory to /")},
    "umask": {"keeps-umask": ("fail", "from 0022 to 0077")},
    "locale": {"keeps-locale": ("fail", "C.UTF-8")},
    "environment": {"keeps-environment": ("fail", "BAD_PLUGIN=was here")},
    "signal": {"keeps-signals": ("fail", "signal 12")},
    "exit": {"exits-cleanly": ("fail", "SIGABRT|signal 6")},
    "good-shim": {},
    "shim-flags": {"error-refusals": ("fail", "start() with an unknown flag succeeds")},
    "shim-stop-gone": {"shim-stop-gone": ("fail", "that is no shim of mine")},
    "shim-signal-gone": {"shim-signal-gone": ("fail", "a process that has ended answers")},
    "shim-signal-stranger": {"shim-signal-stranger": ("fail", "ends a process that is no shim")},
    "good-factory": {},
    "factory-output": {"error-outputs": ("fail", "changes its output")},
    "factory-status": {"factory-status": ("fail", "no count \"ready\"")},
    "factory-destroy": {"factory-destroy-twice": ("fail", "the first destroy()")},
    "factory-server": {"factory-server": ("fail", "serve() with an unknown flag")},
    "factory-server-empty": {"factory-server": ("fail", "neither prepare() nor serve()")},
}
# Here one defect shows in several checks of the store suite: at least the named one tells.
STORE = {
    "store-torn": {"store-value-sizes": ("fail", "")},
    "store-hangs": {"store-key-longest": ("fail", "did not return")},
    "store-crashes": {"store-key-longest": ("crash", "SIGABRT")},
    "store-removes-too-much": {"store-fuzz": ("fail", "--seed 7")},
    "store-remove-absent": {"store-remove-absent": ("fail", "NOT_FOUND")},
}


def run(plugin, *arguments, timeout=SECONDS):
    done = subprocess.run([VALIDATE, "--format", "json", "--seed", "7", "--timeout", timeout,
                           *arguments, str(plugin)], capture_output=True, text=True, check=False)
    if done.returncode == 2:
        raise AssertionError(f"{plugin}: {done.stderr}")
    return done.returncode, json.loads(done.stdout)


def flagged(report):
    return {check["name"]: (check["result"], check["reason"]) for check in report["checks"]
            if check["result"] in ("fail", "crash", "warning")}


def problems_of(name, expected, code, found):
    for check, (result, words) in expected.items():
        if check not in found:
            yield f"{name}: {check} does not tell"
        elif found[check][0] != result or not re.search(words if "|" in words else re.escape(words),
                                                        found[check][1]):
            yield f"{name}: {check} says {found[check]}, expected {result} with \"{words}\""
    fails = any(result != "warning" for result, _ in expected.values())
    if code != (1 if fails else 0):
        yield f"{name}: exit status {code}"


def path_of(name, scratch):
    if name == "not-elf":
        (scratch / name).write_text("#!/bin/sh\nexit 0\n")
        return scratch / name
    if name == "cut-off":
        (scratch / name).write_bytes((PLUGINS / "good.so").read_bytes()[:300])
        return scratch / name
    return PLUGINS / f"{name}.so"


def judge(name, scratch):
    code, report = run(path_of(name, scratch), "--exclude", "^store-")
    found = flagged(report)
    problems = list(problems_of(name, EXPECTED[name], code, found))
    return problems + [f"{name}: {check} tells too: {found[check]}"
                       for check in found if check not in EXPECTED[name]]


def judge_store(name):
    code, report = run(PLUGINS / f"{name}.so", "--include", f"^({'|'.join(STORE[name])})$")
    return list(problems_of(name, STORE[name], code, flagged(report)))


def judge_good(name):
    code, report = run(PLUGINS / f"{name}.so", timeout="120")
    return [] if code == 0 and not flagged(report) else [f"{name}: {code}, {flagged(report)}"]


class BadPlugins(unittest.TestCase):
    def test_each_is_flagged_by_its_check_alone_and_the_good_one_by_none(self):
        with tempfile.TemporaryDirectory(prefix="bad-plugins-") as scratch, \
                concurrent.futures.ThreadPoolExecutor(5) as pool:
            results = [pool.submit(judge_good, "good")]
            results += [pool.submit(judge_store, name) for name in STORE]
            results += [pool.submit(judge, name, pathlib.Path(scratch)) for name in EXPECTED]
            problems = [problem for result in results for problem in result.result()]
        self.assertEqual([], problems, "\n" + "\n".join(problems))

    def test_a_seed_repeats_the_calls(self):
        reasons = set()
        for _ in range(2):
            _, report = run(PLUGINS / "store-removes-too-much.so", "--include", "^store-fuzz$")
            reasons.add(flagged(report)["store-fuzz"][1])
        self.assertEqual(1, len(reasons), reasons)

    def test_waivers_beside_the_plugin_are_read(self):
        with tempfile.TemporaryDirectory(prefix="bad-plugins-") as scratch:
            plugin = pathlib.Path(shutil.copy(PLUGINS / "no-relro.so", scratch))
            only = ("--include", "^elf-relro$")
            self.assertEqual(1, run(plugin, *only)[0])
            waivers = pathlib.Path(scratch, "shoji-validator.toml")
            waivers.write_text('[[waiver]]\ncheck = "elf-relro"\nreason = "old linker"\n')
            code, report = run(plugin, *only)
            self.assertEqual((0, 1), (code, report["counts"]["waived"]))
            waivers.write_text('[[waiver]]\ncheck = "elf-relro"\n')
            with self.assertRaisesRegex(AssertionError, "has no reason"):
                run(plugin, *only)

    def test_what_cannot_be_checked_is_told(self):
        for arguments, words in ((["/nowhere.so"], "cannot open /nowhere.so"),
                                 (["--option", "pat=/x"], "did you mean path?"),
                                 (["--option", "path=x/y"], "relative path"),
                                 (["--include", "^nothing$"], "no check is left")):
            plugin = "" if arguments[0].startswith("/") else str(PLUGINS / "good.so")
            done = subprocess.run([VALIDATE, *arguments, *filter(None, [plugin])],
                                  capture_output=True, text=True, check=False)
            self.assertEqual((2, ""), (done.returncode, done.stdout))
            self.assertRegex(done.stderr, r"^shoji-validate: .*" + re.escape(words))

    def test_nothing_is_untested(self):
        built = {path.stem for path in PLUGINS.glob("*.so")}
        self.assertEqual(built - {"good"}, (set(EXPECTED) | set(STORE)) - {"not-elf", "cut-off"})


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    unittest.main(argv=sys.argv[:1])
