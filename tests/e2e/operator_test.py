"""What operators call: check, env, overhead, network, completion and the manual. No VM."""

import glob
import json
import os
import shutil
import subprocess

import harness
from process_base import PROCESS, ProcessTest

SHARE = os.path.join(os.path.dirname(os.path.dirname(harness.SHOJI)), "share")


class Operator(ProcessTest):
    def call(self, *words, **kwargs):
        return subprocess.run([harness.SHOJI, "--root", self.root, *words], capture_output=True,
                              timeout=harness.LIMIT, **kwargs)

    def items(self, *words):
        return self.items_of(self.call(*words, "check", "--format=json"))

    def items_of(self, done):
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if report["can_run"] else 1, done.stdout)
        for item in report["items"]:
            self.assertIn(item["status"], ("ok", "warning", "failed"))
            self.assertTrue(item["detail"] and (item["status"] == "ok" or item["advice"]), item)
        return {item["item"]: item for item in report["items"]}

    def test_check_of_this_machine(self):
        items = self.items()
        for name in ("configuration", "qemu", "acceleration", "/dev/kvm", "/dev/net/tun",
                     "overlayfs", "control groups", "free memory", "open files", "store plugin",
                     "agent plugin", "guest kernel", "guest initrd", "directory root"):
            self.assertIn(name, items)
        accel = items["acceleration"]
        self.assertEqual(accel["status"], "warning" if accel["detail"] == "tcg" else "ok", accel)
        self.assertIn(b" failed, ", self.call("check").stdout)

    def test_check_says_what_keeps_vms_from_running(self):
        items = self.items("--hypervisor.qemu.path=/nonexistent/qemu")
        self.assertEqual(items["hypervisor qemu"]["status"], "failed")
        self.assertEqual(items["qemu"]["status"], "failed", items["qemu"])
        self.assertIn("install qemu-system-x86", items["qemu"]["advice"])
        self.assertEqual(self.items("--guest.kernel=/nonexistent")["guest kernel"]["status"],
                         "failed")
        self.assertEqual(self.items("--sandbox.store=nosuch")["store plugin"]["status"], "failed")
        self.assertEqual(self.items("--sandbox.network=nosuch")["network plugin"]["status"],
                         "warning")
        done = subprocess.run([harness.SHOJI, "--root=/etc/passwd/x", "check", "--format=json"],
                              capture_output=True, timeout=harness.LIMIT)
        self.assertEqual(self.items_of(done)["directory root"]["status"], "failed")

    def test_check_with_a_file_that_is_wrong(self):
        path = self.root + ".toml"
        self.addCleanup(os.remove, path)
        with open(path, "w") as f:
            f.write("[sandbox]\nstore = 7\n")
        items = self.items("--config", path)
        self.assertEqual(items["configuration"]["status"], "failed")
        self.assertIn(path + ":2", items["configuration"]["detail"])
        self.assertIn("free memory", items, "the machine is looked at all the same")

    def test_check_of_a_changed_guest(self):
        guest = os.path.join(SHARE, "shoji", "guest")
        copy = self.root + "-guest"
        os.makedirs(copy)
        self.addCleanup(shutil.rmtree, copy)
        for name in ("initrd.img", "manifest.json"):
            shutil.copy(os.path.join(guest, name), copy)
        image = copy + "/initrd.img"
        self.assertEqual(self.items("--guest.initrd", image)["guest initrd"]["status"], "ok")
        with open(image, "ab") as f:
            f.write(b"x")
        item = self.items("--guest.initrd", image)["guest initrd"]
        self.assertEqual(item["status"], "warning")
        self.assertIn("manifest.json says", item["detail"])

    def test_env(self):
        path = self.root + ".toml"
        self.addCleanup(os.remove, path)
        with open(path, "w") as f:
            f.write("[log]\nlevel = \"error\"\n")
        done = self.call("--config", path, "env", "--format", "json")
        env = json.loads(done.stdout)
        self.assertIn(path, env["runtime"]["configuration"])
        self.assertEqual(env["runtime"]["log_level"], "error")
        self.assertEqual(env["runtime"]["root"], self.root)
        self.assertEqual(env["host"]["kernel"], os.uname().release)
        self.assertEqual(env["host"]["cpu"]["count"], os.cpu_count())
        self.assertEqual(len(env["guest"]["kernel"]["sha256"]), 64)
        for kind in ("hypervisor", "proxy", "shim", "agent", "factory", "store", "network"):
            self.assertTrue(env[kind]["id"], kind)
        self.assertIn("QEMU", env["hypervisor"]["details"]["qemu"])
        table = self.call("env").stdout.decode()
        self.assertIn("guest.kernel.sha256", table)
        self.assertIn("host.cpu.count", table)

    def test_overhead(self):
        process = self.start_ready(self.name)
        found = json.loads(self.shoji("overhead", self.name, "--format=json").stdout)
        self.assertEqual([one["id"] for one in found], [self.name])
        roles = [p["role"] for p in found[0]["processes"]]
        self.assertIn("vmm", roles)
        self.assertIn("owner", roles)
        self.assertEqual(found[0]["host"]["pss_bytes"],
                         sum(p["pss_bytes"] for p in found[0]["processes"]))
        self.assertGreater(found[0]["host"]["pss_bytes"], 1 << 20)
        if "guest" in found[0]:
            self.assertEqual(found[0]["overhead"]["cpu_ns"],
                             found[0]["host"]["cpu_ns"] - found[0]["guest"]["cpu_ns"])
        else:
            self.assertTrue(found[0]["error"])
        self.assertIn(self.name.encode(), self.shoji("overhead").stdout)
        self.finish(process)
        done = self.call("overhead", "nosuch")
        self.assertEqual((done.returncode, done.stdout), (125, b""), done.stderr)
        self.assertEqual(json.loads(self.call("overhead", "--format=json").stdout), [])

    def test_network_errors_say_what_is_wrong(self):
        for words, given, text in [
                (("add-iface",), b"", b"the id of a sandbox"),
                (("add-iface", "x"), b"", b"stdin: "),
                (("add-iface", "x", "-"), b"[]", b"stdin: it is not a JSON object"),
                (("add-iface", "x"), b"{}", b"has no \"device\""),
                (("add-iface", "x"), b'{"device":"e","mtu":"a"}', b"field mtu"),
                (("add-iface", "x", "/nonexistent"), b"", b"/nonexistent"),
                (("del-iface", "x"), b"{}", b"neither \"device\" nor \"hwAddr\""),
                (("update-routes", "x"), b"{}", b"stdin: "),
                (("list-ifaces", "x"), b"", b"no container \"x\"; see shoji list"),
                (("list-routes", "x", "y"), b"", b"one word is needed")]:
            done = self.call("network", *words, input=given)
            self.assertEqual(done.returncode, 125, words)
            self.assertIn(text, done.stderr, words)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_words_for_completion(self):
        process = self.start_ready(self.name)
        self.assertEqual(self.call("__complete", "ids").stdout, self.name.encode() + b"\n")
        line = ["shoji", "--root", self.root, "stop", self.name[:3]]
        script = (f"source {SHARE}/bash-completion/completions/shoji\n"
                  f"COMP_WORDS=({' '.join(line)})\nCOMP_CWORD={len(line) - 1}\n_shoji\n"
                  "echo \"${COMPREPLY[@]}\"\ncomplete -p shoji\n")
        path = os.path.dirname(harness.SHOJI) + ":" + os.environ["PATH"]
        done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True,
                              env={**os.environ, "PATH": path}, timeout=harness.LIMIT)
        self.assertEqual(done.stdout.split(b"\n")[0], self.name.encode(), done.stderr)
        self.assertIn(b"-F _shoji shoji", done.stdout)
        self.finish(process)
        options = self.call("__complete", "options").stdout.split()
        self.assertIn(b"--hypervisor.qemu.memory=", options)
        self.assertIn(b"--sandbox.store=", options)
        self.assertIn(b"sqlite", self.call("__complete", "stores").stdout.split())
        self.assertEqual(self.call("--nosuch.option=1", "__complete", "ids").stderr, b"")

    def test_scripts_in_the_tree_are_those_of_the_program(self):
        for shell, name in [("bash", "bash-completion/completions/shoji"),
                            ("zsh", "zsh/vendor-completions/_shoji"),
                            ("fish", "fish/vendor_completions.d/shoji.fish")]:
            with open(os.path.join(SHARE, name), "rb") as f:
                self.assertEqual(f.read(), self.call("completion", shell).stdout, shell)
        done = self.call("completion", "tcsh")
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"bash, zsh or fish", done.stderr)

    def test_manual(self):
        pages = glob.glob(SHARE + "/man/man[15]/*.[15]")
        self.assertGreater(len(pages), 25)
        with open(SHARE + "/man/man5/shoji.toml.5") as f:
            text = f.read()
        options = json.loads(self.call("config", "dump", "--format=json").stdout)
        self.assertGreater(len(options), 50)
        for option in options:
            self.assertIn("\\fB" + option["name"].replace("-", "\\-") + "\\fR", text)
        for page in pages:
            if shutil.which("mandoc"):
                done = subprocess.run(["mandoc", "-T", "lint", "-W", "error", page],
                                      capture_output=True, timeout=harness.LIMIT)
                self.assertEqual((done.returncode, done.stdout), (0, b""), page)
            if shutil.which("groff"):
                done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page],
                                      capture_output=True, timeout=harness.LIMIT)
                self.assertEqual((done.returncode, done.stderr), (0, b""), page)


if __name__ == "__main__":
    harness.main()
