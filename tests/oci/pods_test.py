"""Several containers in one VM, by the annotations of CRI-O, containerd, dockershim and podman."""

import os

import oci_base

ENGINES = {
    "crio": ("io.kubernetes.cri-o.ContainerType", "sandbox", "io.kubernetes.cri-o.SandboxID"),
    "containerd": ("io.kubernetes.cri.container-type", "sandbox", "io.kubernetes.cri.sandbox-id"),
    "dockershim": ("io.kubernetes.docker.type", "podsandbox", "io.kubernetes.sandbox.id"),
}


class Pods(oci_base.OciTest):
    def pod_bundle(self, engine, pod, *args, member=True, paths=True):
        type_key, first, id_key = ENGINES[engine]

        def edit(spec):
            spec["annotations"] = {type_key: "container" if member else first, id_key: pod}
            if member and paths:
                for each in spec["linux"]["namespaces"]:
                    if each["type"] in ("ipc", "uts"):
                        each["path"] = f"/proc/{self.state(pod)['pid']}/ns/{each['type']}"

        return self.bundle(*args, edit=edit)

    def test_each_engine(self):
        for engine in ENGINES:
            pod = "pod-" + engine
            self.launch(pod, self.pod_bundle(engine, pod, member=False))
            self.launch(engine + "-a", self.pod_bundle(engine, pod))
            self.created(engine + "-b", self.pod_bundle(engine, pod))
            status = self.json("status", pod)
            self.assertEqual([c["id"] for c in status["containers"]],
                             [pod, engine + "-a", engine + "-b"])
            self.assertEqual(self.status(engine + "-b"), "created")
            self.run_ok("delete", "--force", pod)
            self.refused(self.shoji("state", engine + "-a"), "does not exist")
            self.run_ok("delete", "--force", engine + "-a")

    def test_members_live_and_end_alone(self):
        self.launch("pod", self.pod_bundle("crio", "pod", member=False))
        self.launch("a", self.pod_bundle("crio", "pod"))
        self.launch("b", self.pod_bundle("crio", "pod"))
        pids = {self.state(name)["pid"] for name in ("pod", "a", "b")}
        self.assertEqual(len(pids), 3)
        self.run_ok("kill", "a", "KILL")
        self.wait_status("a", "stopped")
        self.assertEqual((self.status("pod"), self.status("b")), ("running", "running"))
        self.assertEqual(self.shoji("delete", "b").returncode, 125)
        self.run_ok("delete", "a")
        self.refused(self.shoji("state", "a"), "does not exist")
        self.launch("a", self.pod_bundle("crio", "pod"))  # its id is free again
        self.run_ok("kill", "pod", "KILL")
        self.wait_status("pod", "stopped")
        self.refused(self.shoji("delete", "pod"), "is running", status=125)
        for name in ("a", "b"):
            self.run_ok("kill", name, "KILL")
            self.wait_status(name, "stopped")
            self.run_ok("delete", name)
        self.run_ok("delete", "pod")

    def test_members_share_the_host_name_and_ipc_of_the_pod(self):
        self.launch("pod", self.pod_bundle("crio", "pod", member=False))
        self.launch("a", self.pod_bundle("crio", "pod"))
        for kind in ("ipc", "uts"):
            seen = {self.run_ok("exec", name, "readlink", "/proc/self/ns/" + kind)
                    for name in ("pod", "a")}
            self.assertEqual(len(seen), 1, kind)

    def test_a_pod_must_be_there(self):
        bundle = self.pod_bundle("crio", "none", paths=False)
        self.refused(self.create("a", bundle), "sandbox `none` of container `a` does not exist")

    def test_bad_annotations(self):
        def edit(spec):
            spec["annotations"] = {"io.kubernetes.cri-o.ContainerType": "thing"}

        self.refused(self.create("a", self.bundle(edit=edit)), "ContainerType", "thing")

    def test_a_member_that_cannot_be_made_leaves_the_pod(self):
        self.launch("pod", self.pod_bundle("crio", "pod", member=False))
        self.refused(self.create("a", self.pod_bundle("crio", "pod"), "--console-socket",
                                 self.root + "/none"), "--console-socket")
        bundle = self.pod_bundle("crio", "pod")
        self.refused(self.create("a", bundle, "--pid-file", "/no/such/dir/pid"), "/no/such/dir")
        self.refused(self.shoji("state", "a"), "does not exist")
        self.assertEqual(self.status("pod"), "running")
        self.assertFalse(os.path.exists("/no/such/dir"))


if __name__ == "__main__":
    oci_base.main()
