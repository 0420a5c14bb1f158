"""Wrong input: one clear line and the right exit status, and nothing left behind."""

import os
import shutil

import harness


class Errors(harness.ShojiTest):
    def config(self, text):
        path = self.root + "/shoji.toml"
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_commands_that_cannot_run(self):
        self.assert_fails(self.shoji("run", "--", "nope"), 127, "nope")
        self.assert_fails(self.shoji("run", "--", "/etc/passwd"), 126, "/etc/passwd")
        self.assert_fails(self.shoji("run", "--", "/etc"), 126, "/etc")

    def test_rootfs(self):
        self.assert_fails(self.shoji("run", "--rootfs", "/no/such", "--", "true"), 125, "/no/such")
        self.assert_fails(self.shoji("run", "--rootfs", "/etc/passwd", "--", "true"), 125,
                          "/etc/passwd")
        self.assert_fails(self.shoji("run", "--bundle", "/tmp", "--"), 125, "config.json")

    def test_user(self):
        self.assert_fails(self.shoji("run", "--user", "nosuch", "--", "true"), 125, "nosuch")
        self.assert_fails(self.shoji("run", "--user", "0:nosuch", "--", "true"), 125, "nosuch")

    def test_guest_and_vmm(self):
        run = ("run", "--", "true")
        self.assert_fails(self.shoji("--guest.kernel=/no/kernel", *run), 125, "/no/kernel")
        self.assert_fails(self.shoji("--guest.initrd=/no/initrd", *run), 125, "/no/initrd")
        self.assert_fails(self.shoji("--hypervisor.qemu.path=/no/qemu", *run), 125, "/no/qemu")
        self.assert_fails(self.shoji("--hypervisor.qemu.machine=pdp11", *run), 125, "pdp11")
        self.assert_fails(self.shoji("run", "--memory", "16M", "--", "true"), 125, "16 MiB")
        self.assert_fails(self.shoji("run", "--memory", "900T", "--", "true"), 125, "memory")
        self.assert_fails(self.shoji("run", "--name", "a/b", "--", "true"), 125, "a/b")

    def test_kernel_that_is_none(self):
        path = self.root + "/kernel"
        with open(path, "w") as f:
            f.write("no kernel")
        self.assert_fails(self.shoji("--guest.kernel=" + path, "run", "--", "true"), 125, "kernel")

    def test_plugins(self):
        run = ("run", "--", "true")
        self.assert_fails(self.shoji("--sandbox.hypervisor=xen", *run), 125, "xen", "qemu")
        self.assert_fails(self.shoji("--plugins.path=/no/plugins", *run), 125, "filesystem")
        folder = self.root + "/plugins"
        shutil.copytree(harness.PREFIX + "/lib/shoji/plugins", folder)
        bad = folder + "/hypervisor-qemu.so"
        with open(bad, "r+b") as f:
            f.truncate(4096)
        self.assert_fails(self.shoji("--plugins.path=" + folder, *run), 125, bad)
        os.remove(bad)
        shutil.copy(harness.PREFIX + "/lib/shoji/plugins/hypervisor-qemu.so", folder)
        os.chmod(folder, 0o777)
        self.assert_fails(self.shoji("--plugins.path=" + folder, *run), 125, folder)

    def test_configuration(self):
        path = self.config("[hypervisor.qemu]\nmemry = \"1G\"\n")
        self.assert_fails(self.shoji("--config", path, "list"), 125, path + ":2",
                          "hypervisor.qemu.memry", "hypervisor.qemu.memory")
        path = self.config("[hypervisor.qemu]\nmemory = \"plenty\"\n")
        self.assert_fails(self.shoji("--config", path, "list"), 125, path + ":2", "plenty")
        path = self.config("[hypervisor\n")
        self.assert_fails(self.shoji("--config", path, "list"), 125, path + ":1")
        self.assert_fails(self.shoji("--config", "/no/file.toml", "list"), 125, "/no/file.toml")

    def test_unknown_sandbox(self):
        for words in (("status", "x"), ("stop", "x"), ("delete", "x"), ("exec", "x", "true")):
            self.assert_fails(self.shoji(*words), 125, "x")
        self.assertEqual(self.shoji("delete", "--force", "x").returncode, 0)

    def test_plugin_list(self):
        plugins = {(p["kind"], p["id"]): p for p in self.json("plugin", "list")}
        for name in [("hypervisor", "qemu"), ("store", "filesystem"), ("factory", "direct"),
                     ("proxy", "kataproxybuiltin"), ("shim", "katashimbuiltin"),
                     ("agent", "kata")]:
            self.assertEqual(plugins[name]["status"], "ok")
            self.assertTrue(plugins[name]["version"])
            self.assertTrue(os.path.exists(plugins[name]["path"]))


if __name__ == "__main__":
    harness.main()
