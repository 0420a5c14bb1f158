"""What of a bundle is taken, ignored and refused; what engines read when create fails."""

import json
import os

import oci_base


class Bundles(oci_base.OciTest):
    def refused_bundle(self, spec, *texts):
        done = self.create("c", self.bundle(spec=spec))
        self.refused(done, *texts)
        self.assertEqual(self.run_ok("list", "-q"), "")

    def test_bad_specifications(self):
        spec = oci_base.default_spec("true")
        self.refused_bundle("{", "config.json is not valid JSON")
        self.refused_bundle("[]", "not a JSON object")
        for version in (None, "", "0.9.0", "2.0.0", "1.0", "one"):
            bad = dict(spec)
            del bad["ociVersion"]
            if version is not None:
                bad["ociVersion"] = version
            self.refused_bundle(bad, "ociVersion")
        for missing in ("process", "root"):
            self.refused_bundle({k: v for k, v in spec.items() if k != missing}, missing)
        path = self.bundle()
        os.remove(path + "/config.json")
        self.refused(self.create("c", path), "config.json", "No such file")
        self.refused(self.create("c", "/no/such/bundle"), "/no/such/bundle")
        self.refused(self.create("../c", self.bundle()), "../c")

    def test_unknown_fields_and_other_versions_are_no_matter(self):
        def edit(spec):
            spec["ociVersion"] = "1.1.0-rc.1+dev"
            spec["unknown"] = {"a": [1]}
            spec["process"]["unknown"] = True
            spec["linux"]["unknown"] = "x"

        self.created("c", self.bundle(edit=edit))
        self.assertEqual(self.status("c"), "created")

    def test_annotations_are_told(self):
        def edit(spec):
            spec["annotations"] = {"org.example.key": "value", "org.example.empty": ""}

        self.created("c", self.bundle(edit=edit))
        self.assertEqual(self.state("c")["annotations"],
                         {"org.example.key": "value", "org.example.empty": ""})

    def test_the_current_directory_is_the_default_bundle(self):
        bundle = self.bundle("echo", "here")
        os.rename(bundle + "/config.json", bundle + "/other.json")
        done = self.shoji("run", "--config", "other.json", "c", cwd=bundle)
        self.assertEqual((done.returncode, done.stdout), (0, b"here\n"), done.stderr)

    def test_a_link_to_the_bundle_stays_a_link(self):
        bundle = self.bundle()
        link = self.root + "/link"
        os.symlink(bundle, link)
        self.created("c", link)
        self.assertEqual(self.state("c")["bundle"], link)

    def test_commands_that_cannot_be_run(self):
        for args, text, status in ((["nope"], "executable file `nope` not found in $PATH", 127),
                                   (["/bin/nope"], "No such file or directory", 127),
                                   (["/etc"], "Permission denied", 126)):
            log = f"{self.root}/log{self.count}"
            done = self.shoji("--log", log, "--log-format", "json", "create", "-b",
                              self.bundle(*args), "c")
            self.refused(done, text, status=status)
            with open(log) as f:
                line = json.loads(f.read())  # one object, as podman reads it
            self.assertEqual(line["level"], "error")
            self.assertIn(text, line["msg"])
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(self.run_ok("list", "-q"), "")

    def test_log_formats(self):
        log = self.root + "/log"
        self.shoji("--log", log, "start", "none")
        with open(log) as f:
            self.assertRegex(f.read(), r'^time="[^"]*" level=error msg="container `none` does not')
        done = self.shoji("--log", log, "--log-format", "xml", "start", "none")
        self.assertIn(b"--log-format", done.stderr)

    def test_namespaces_of_the_host(self):
        def without_network(spec):
            spec["linux"]["namespaces"] = [{"type": "pid"}]

        def with_ipc_of_another(spec):
            spec["linux"]["namespaces"][2]["path"] = "/proc/1/ns/ipc"

        self.refused(self.create("c", self.bundle(edit=without_network)), "network of the host")
        self.refused(self.create("c", self.bundle(edit=with_ipc_of_another)), "/proc/1/ns/ipc")

    def test_preserved_descriptors_are_refused(self):
        self.refused(self.create("c", self.bundle(), "--preserve-fds", "2"), "--preserve-fds 2")
        self.created("c", self.bundle(), "--preserve-fds", "0", "--no-pivot", "--no-new-keyring")

    def test_spec_makes_a_bundle_that_runs(self):
        bundle = self.bundle()
        os.remove(bundle + "/config.json")
        self.run_ok("spec", "--bundle", bundle)
        self.refused(self.shoji("spec", "--bundle", bundle), "exists")
        with open(bundle + "/config.json") as f:
            spec = json.load(f)
        spec["process"]["terminal"] = False
        spec["process"]["args"] = ["echo", "made"]
        self.write_spec(bundle, spec)
        done = self.shoji("run", "--bundle", bundle, "c")
        self.assertEqual((done.returncode, done.stdout), (0, b"made\n"), done.stderr)

    def test_version_and_features(self):
        version = self.run_ok("--version")
        self.assertRegex(version, r"^shoji version \d+\.\d+\.\d+\nspec: 1\.0\.2\n$")
        features = json.loads(self.run_ok("features"))
        self.assertEqual((features["ociVersionMin"], features["ociVersionMax"]),
                         ("1.0.0", "1.0.2"))
        self.assertIn("startContainer", features["hooks"])


if __name__ == "__main__":
    oci_base.main()
