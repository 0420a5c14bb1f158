"""Hooks of the specification: their order, what they are told, and what a failure does."""

import json
import os

import oci_base

KINDS = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")


class Hooks(oci_base.OciTest):
    def noting(self, kind, more=""):
        """A hook that notes its kind and keeps what it was told."""
        script = f"echo {kind} >> {self.root}/order; cat > {self.root}/told-{kind}; {more}"
        return {"path": "/bin/sh", "args": ["sh", "-c", script]}

    def with_hooks(self, hooks, *args):
        def edit(spec):
            spec["hooks"] = hooks
            spec["annotations"] = {"org.example": "a"}

        return self.bundle(*args, edit=edit)

    def order(self):
        try:
            with open(self.root + "/order") as f:
                return f.read().split()
        except FileNotFoundError:
            return []

    def told(self, kind):
        with open(f"{self.root}/told-{kind}") as f:
            return json.load(f)

    def test_order_and_state(self):
        bundle = self.with_hooks({kind: [self.noting(kind)] for kind in reversed(KINDS)})
        self.created("c", bundle)
        self.assertEqual(self.order(), ["prestart", "createRuntime", "createContainer"])
        self.run_ok("start", "c")
        self.assertEqual(self.order()[3:], ["poststart"])
        pid = self.state("c")["pid"]
        self.run_ok("delete", "--force", "c")
        self.assertEqual(self.order()[4:], ["poststop"])
        for kind in KINDS:
            state = self.told(kind)
            self.assertEqual((state["ociVersion"], state["id"], state["bundle"],
                              state["annotations"]),
                             ("1.0.2", "c", bundle, {"org.example": "a"}), kind)
        statuses = [self.told(kind)["status"] for kind in KINDS]
        self.assertEqual(statuses, ["creating", "creating", "creating", "running", "stopped"])
        self.assertEqual(self.told("createContainer")["pid"], pid)
        self.assertEqual(self.told("poststart")["pid"], pid)
        self.assertGreater(self.told("prestart")["pid"], 0)

    def test_the_state_between_the_hooks_is_creating(self):
        shoji = " ".join(self.command())
        ask = f"{shoji} state c > {self.root}/state-$0; {shoji} list -f json > {self.root}/list-$0"
        kinds = KINDS[:3]
        self.created("c", self.with_hooks({
            kind: [{"path": "/bin/sh", "args": ["sh", "-c", ask, kind],
                    "env": ["PATH=/usr/bin:/bin"]}] for kind in kinds}))
        for kind in kinds:
            with open(f"{self.root}/state-{kind}") as f:
                state = json.load(f)
            self.assertEqual((state["id"], state["status"]), ("c", "creating"), kind)
            self.assertEqual(state["annotations"], {"org.example": "a"})
            self.assertGreater(state["pid"], 0)
            with open(f"{self.root}/list-{kind}") as f:
                listed = [(each["id"], each["status"]) for each in json.load(f)]
            self.assertEqual(listed, [("c", "creating")], kind)
        self.assertEqual(self.status("c"), "created")
        self.assertEqual(len(json.loads(self.run_ok("list", "-f", "json"))), 1)

    def test_a_failure_before_start_undoes_the_create(self):
        for kind in ("prestart", "createRuntime", "createContainer"):
            bundle = self.with_hooks({kind: [{"path": "/bin/sh",
                                              "args": ["sh", "-c", "echo why >&2; exit 7"]}],
                                      "poststop": [self.noting("poststop")]})
            self.refused(self.create("c", bundle), kind + " hook 0", "why")
            self.assertEqual(self.order()[-1:], ["poststop"])
            self.refused(self.shoji("state", "c"), "does not exist")
            os.remove(self.root + "/order")

    def test_later_failures_are_warnings(self):
        failing = [{"path": "/bin/false"}]
        bundle = self.with_hooks({"poststart": failing + [self.noting("poststart")],
                                  "poststop": failing + [self.noting("poststop")]})
        self.created("c", bundle)
        done = self.shoji("start", "c")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"poststart hook 0", done.stderr)
        self.assertEqual(self.status("c"), "running")
        done = self.shoji("delete", "--force", "c")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"poststop hook 0", done.stderr)
        self.assertEqual(self.order(), ["poststart", "poststop"])

    def test_environment(self):
        script = f'echo "$OCI_TEST_MARK/$PATH" >> {self.root}/env'
        bundle = self.with_hooks({"prestart": [
            {"path": "/bin/sh", "args": ["sh", "-c", script]},
            {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/only"]}]})
        env = dict(os.environ, OCI_TEST_MARK="ours", PATH="/usr/bin:/bin")
        self.created("c", bundle, env=env)
        with open(self.root + "/env") as f:
            self.assertEqual(f.read().split(), ["ours//usr/bin:/bin", "//only"])

    def test_a_hook_has_a_time_limit(self):
        bundle = self.with_hooks({"prestart": [{"path": "/bin/sleep", "args": ["sleep", "1000"],
                                                "timeout": 1}]})
        self.refused(self.create("c", bundle), "prestart hook 0", "within 1 s")

    def test_bad_hooks_are_refused(self):
        for hooks, text in (({"prestart": [{"path": "bin/true"}]}, "absolute"),
                            ({"poststop": [{"path": "/bin/true", "timeout": -1}]}, "timeout"),
                            ({"poststart": {}}, "hooks.poststart")):
            self.refused(self.create("c", self.with_hooks(hooks)), text)

    def test_hooks_of_the_container_run_inside(self):
        script = "cat > /told"
        bundle = self.with_hooks({"startContainer": [{"path": "/bin/sh",
                                                      "args": ["sh", "-c", script]}]})
        self.launch("c", bundle)
        state = json.loads(self.run_ok("exec", "c", "cat", "/told"))
        self.assertEqual((state["id"], state["status"]), ("c", "created"))


if __name__ == "__main__":
    oci_base.main()
