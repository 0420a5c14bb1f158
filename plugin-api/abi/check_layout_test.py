"""Tests of check-layout: every kind of change of the headers, accepted or refused by name."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
HEADERS = HERE.parent / "include"


class Tree(unittest.TestCase):
    """A copy of the headers in a directory of its own, with a snapshot of it."""

    pristine = ""  # the snapshot of the unchanged headers, made once

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="shoji-abi-test-")
        self.addCleanup(scratch.cleanup)
        self.include = pathlib.Path(scratch.name, "include")
        self.snapshots = pathlib.Path(scratch.name, "snapshots")
        shutil.copytree(HEADERS, self.include)
        self.snapshots.mkdir()
        if not Tree.pristine:
            self.run_tool("--update", status=0)
            Tree.pristine = self.snapshot
        (self.snapshots / "v1.layout").write_text(Tree.pristine, encoding="utf-8")

    def run_tool(self, *arguments, status, env=None):
        """Runs check-layout; returns what it wrote, lines of both streams."""
        done = subprocess.run(
            [sys.executable, "-B", HERE / "check-layout", "--include", self.include,
             "--snapshots", self.snapshots, *arguments],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, **(env or {})})
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout.splitlines()

    def edit(self, header, old, new):
        path = self.include / "shoji" / "plugin" / header
        text = path.read_text(encoding="utf-8")
        self.assertEqual(text.count(old), 1, f"{old!r} should be in {header} once")
        path.write_text(text.replace(old, new), encoding="utf-8")

    def accepted(self, *lines):
        self.assertEqual([line for line in self.run_tool(status=0) if "appended: " in line],
                         [f"appended: {line}" for line in lines])

    def refused(self, *lines):
        """The check fails with exactly these lines, and --update records nothing."""
        snapshot = self.snapshots / "v1.layout"
        before = snapshot.read_text(encoding="utf-8")
        found = [line.removeprefix("v1.layout: ") for line in self.run_tool(status=1)]
        self.assertEqual([line for line in found if not line.startswith("appended: ")],
                         list(lines))
        self.run_tool("--update", status=1)
        self.assertEqual(snapshot.read_text(encoding="utf-8"), before)

    @property
    def snapshot(self):
        return (self.snapshots / "v1.layout").read_text(encoding="utf-8")


GET_EXTENSION = "const void *(*get_extension)(shoji_store *store, const char *id);"


class Growth(Tree):
    def test_equal_headers_pass_in_silence(self):
        self.assertEqual(self.run_tool(status=0), [])

    def test_field_at_the_end(self):
        self.edit("hypervisor.h", "  uint32_t device_count;\n  uint32_t reserved0;\n} shoji_vm_config;",
                  "  uint32_t device_count;\n  uint32_t reserved0;\n  uint64_t memory_max;\n} shoji_vm_config;")
        self.accepted("struct shoji_vm_config: field memory_max appended")

    def test_slot_at_the_end(self):
        self.edit("store.h", GET_EXTENSION,
                  GET_EXTENSION + "\n  int32_t (*sync)(shoji_store *store, shoji_error *err);")
        self.accepted("struct shoji_store_v1: slot sync appended")

    def test_new_struct_constant_id_handle_type_and_macro(self):
        self.edit("store.h", '#define SHOJI_STORE_TXN_V1 "shoji.store.txn/1"',
                  '#define SHOJI_STORE_TXN_V1 "shoji.store.txn/1"\n'
                  '#define SHOJI_STORE_WATCH_V1 "shoji.store.watch/1"\n'
                  '#define SHOJI_STORE_WATCH_ALL 0x1u\n'
                  '#define SHOJI_STORE_IS_ALL(x) ((x) == SHOJI_STORE_WATCH_ALL)\n'
                  'typedef struct shoji_watch shoji_watch;\n'
                  'typedef void (*shoji_watch_fn)(shoji_watch *watch);\n'
                  'typedef struct shoji_event {uint32_t struct_size; uint32_t op;} shoji_event;')
        self.accepted("struct shoji_event: new", "handle shoji_watch: new",
                      "type shoji_watch_fn: new", "constant SHOJI_STORE_WATCH_ALL: new",
                      "interface id SHOJI_STORE_WATCH_V1: new", "macro SHOJI_STORE_IS_ALL(x): new")

    def test_comments_and_parameter_names_are_free(self):
        self.edit("store.h", GET_EXTENSION,
                  "/* Other words. */ const void *(*get_extension)(shoji_store *s, const char *i);")
        self.assertEqual(self.run_tool(status=0), [])

    def test_the_release_number_may_change(self):
        self.edit("note.h", '#define SHOJI_SDK_VERSION "0.1.0"', '#define SHOJI_SDK_VERSION "9.0.0"')
        self.assertEqual(self.run_tool(status=0), [])

    def test_update_records_what_was_appended(self):
        self.edit("store.h", GET_EXTENSION,
                  GET_EXTENSION + "\n  int32_t (*sync)(shoji_store *store);")
        self.run_tool("--update", status=0)
        self.assertIn("  56 8 sync : int32_t (*)(shoji_store *)\n", self.snapshot)
        self.assertEqual(self.run_tool(status=0), [])

    def test_clang_sees_the_same_layout(self):
        clang = shutil.which("clang-14") or shutil.which("clang")
        if clang is None:
            self.skipTest("no clang on this machine")
        self.assertEqual(self.run_tool("--print", status=0, env={"CC": clang}),
                         self.run_tool("--print", status=0))


class Breaks(Tree):
    def test_inserted_field(self):
        self.edit("hypervisor.h", "  uint64_t memory_bytes;",
                  "  uint64_t memory_max;\n  uint64_t memory_bytes;")
        self.refused("struct shoji_vm_config: field memory_max inserted; new ones go to the end")

    def test_inserted_slot(self):
        self.edit("store.h", "  " + GET_EXTENSION,
                  "  void (*flush)(shoji_store *store);\n  " + GET_EXTENSION)
        self.refused("struct shoji_store_v1: slot flush inserted; new ones go to the end")

    def test_removed_field(self):
        self.edit("proxy.h", "  shoji_str console_url; /* may be empty: nobody watches the console "
                  "*/\n", "")
        self.refused("struct shoji_proxy_params: field console_url removed")

    def test_removed_slot(self):
        self.edit("proxy.h", "  void (*release)(shoji_proxy *proxy);", "")
        self.refused("struct shoji_proxy_v1: slot release removed")

    def test_renamed_reserved_field_is_not_an_append(self):
        self.edit("agent.h", "  uint32_t driver_option_count;\n  uint32_t reserved0;",
                  "  uint32_t driver_option_count;\n  uint32_t flags;")
        self.refused("struct shoji_storage: field reserved0 removed",
                     "struct shoji_storage: field flags inserted; new ones go to the end")

    def test_resized_field(self):
        self.edit("shim.h", "  uint32_t flags; /* SHOJI_SHIM_* */",
                  "  uint32_t reserved1;\n  uint64_t flags; /* SHOJI_SHIM_* */")
        self.refused("struct shoji_shim_params: field reserved1 inserted; new ones go to the end",
                     "struct shoji_shim_params: field flags resized from 4 to 8 bytes "
                     "(uint32_t -> uint64_t)")

    def test_retyped_field(self):
        self.edit("base.h", "  int64_t deadline_ns; ", "  uint64_t deadline_ns; ")
        self.refused("struct shoji_call: field deadline_ns retyped from int64_t to uint64_t")

    def test_changed_signature(self):
        self.edit("shim.h", "int32_t (*stop)(void *plugin, const shoji_call *call, int32_t pid,",
                  "int32_t (*stop)(void *plugin, const shoji_call *call, int64_t pid,")
        self.refused("struct shoji_shim_v1: slot stop changed signature from "
                     "int32_t (*)(void *, const shoji_call *, int32_t, shoji_error *) to "
                     "int32_t (*)(void *, const shoji_call *, int64_t, shoji_error *)")

    def test_changed_constness(self):
        self.edit("store.h", GET_EXTENSION,
                  "void *(*get_extension)(shoji_store *store, const char *id);")
        self.refused("struct shoji_store_v1: slot get_extension changed signature from "
                     "const void *(*)(shoji_store *, const char *) to "
                     "void *(*)(shoji_store *, const char *)")

    def test_reordered_fields_of_one_type(self):
        self.edit("factory.h", "  shoji_str proxy_id;\n  shoji_str agent_id;",
                  "  shoji_str agent_id;\n  shoji_str proxy_id;")
        self.refused("struct shoji_vm_request: reordered, field agent_id stands where proxy_id was")

    def test_changed_alignment(self):
        self.edit("base.h", "  uint32_t abi_max; /* newest */",
                  "  uint32_t abi_max __attribute__((aligned(16)));")
        self.assertIn("v1.layout: struct shoji_host: field abi_max moved from offset 8 to 16",
                      self.run_tool(status=1))

    def test_removed_struct(self):
        self.edit("services.h", "shoji_trace_v1 {", "shoji_trace_v9 {")
        self.edit("services.h", "} shoji_trace_v1;", "} shoji_trace_v9;")
        self.refused("struct shoji_trace_v1: removed")

    def test_changed_constant(self):
        self.edit("base.h", "#define SHOJI_NOT_FOUND 5 ", "#define SHOJI_NOT_FOUND 7 ")
        self.refused("constant SHOJI_NOT_FOUND changed from int 5 to int 7")

    def test_removed_constant(self):
        self.edit("store.h", "#define SHOJI_STORE_KEY_MAX 512u\n", "")
        self.refused("constant SHOJI_STORE_KEY_MAX removed (was unsigned 512)")

    def test_changed_id(self):
        self.edit("store.h", '"shoji.store.scan/1"\n', '"shoji.store.scan/2"\n')
        self.refused('interface id SHOJI_STORE_SCAN_V1 changed from "shoji.store.scan/1" to '
                     '"shoji.store.scan/2"')

    def test_changed_callback_type(self):
        self.edit("store.h", "typedef int32_t (*shoji_store_visit)(void *ctx, shoji_str key);",
                  "typedef void (*shoji_store_visit)(void *ctx, shoji_str key);")
        self.refused("type shoji_store_visit changed from int32_t (*)(void *, shoji_str) to "
                     "void (*)(void *, shoji_str)")

    def test_changed_macro(self):
        self.edit("note.h", '"abi\\t" min "\\t" max "\\n"', '"abi\\t" min " " max "\\n"')
        self.refused('macro SHOJI_NOTE_ABI(min,max) changed from "abi\\t" min "\\t" max "\\n" to '
                     '"abi\\t" min " " max "\\n"')

    def test_frozen_structs_cannot_even_grow(self):
        for header, name, last in (("base.h", "shoji_str", "  uint64_t size; /* bytes */"),
                                   ("base.h", "shoji_option", "  shoji_str value;"),
                                   ("services.h", "shoji_fd_map", "  int32_t child_fd;"),
                                   ("agent.h", "shoji_process_ref", "  shoji_str exec_id;")):
            with self.subTest(name):
                self.edit(header, f"{last}\n}} {name};", f"{last}\n  uint64_t more;\n}} {name};")
                self.assertIn(f"v1.layout: struct {name}: field more appended; {name} is frozen "
                              "for ever", self.run_tool(status=1))


class OptionalInterfaces(Tree):
    """The same for the headers of the optional interfaces, one change of each sort."""

    def test_appending_passes(self):
        self.edit("network.h", "  uint64_t tx_peak_bytes_per_s;\n",
                  "  uint64_t tx_peak_bytes_per_s;\n  uint64_t more;\n")
        self.edit("hypervisor_state.h", "  uint64_t block_write_bytes;\n",
                  "  uint64_t block_write_bytes;\n  uint64_t more;\n")
        self.edit("agent_ext.h", "  shoji_str data;     /* at most 1 MiB */\n",
                  "  shoji_str data;\n  uint64_t more;\n")
        self.accepted("struct shoji_copy_request: field more appended",
                      "struct shoji_network_limits: field more appended",
                      "struct shoji_vm_stats: field more appended")

    def test_inserting(self):
        self.edit("hypervisor_hotplug.h", "  int32_t (*detach)(",
                  "  void (*more)(shoji_vm *vm);\n  int32_t (*detach)(")
        self.edit("network.h", "  uint64_t tx_bytes_per_s;", "  uint64_t more;\n  uint64_t "
                  "tx_bytes_per_s;")
        self.refused("struct shoji_hypervisor_hotplug_v1: slot more inserted; new ones go to the "
                     "end", "struct shoji_network_limits: field more inserted; new ones go to the "
                     "end")

    def test_removing(self):
        self.edit("hypervisor_state.h", "  int32_t (*resume)(shoji_vm *vm, const shoji_call *call, "
                  "shoji_error *err);", "")
        self.refused("struct shoji_hypervisor_pause_v1: slot resume removed")

    def test_resizing(self):
        self.edit("network.h", "#define SHOJI_NIC_MAX_QUEUES 16u",
                  "#define SHOJI_NIC_MAX_QUEUES 32u")
        self.refused("struct shoji_nic: field tap_fds resized from 64 to 128 bytes (int32_t [16] -> "
                     "int32_t [32])", "struct shoji_nic: field vhost_fds resized from 64 to 128 "
                     "bytes (int32_t [16] -> int32_t [32])",
                     "constant SHOJI_NIC_MAX_QUEUES changed from unsigned 16 to unsigned 32")

    def test_retyping(self):
        self.edit("hypervisor_hotplug.h", "  uint64_t burst_ms; ", "  int64_t burst_ms; ")
        self.refused("struct shoji_block_limits: field burst_ms retyped from uint64_t to int64_t")

    def test_changing_a_signature(self):
        self.edit("agent_ext.h", "const uint64_t *addresses,", "const uint32_t *addresses,")
        self.refused("struct shoji_agent_hotplug_v1: slot probe_memory changed signature from "
                     "int32_t (*)(shoji_agent *, const shoji_call *, const uint64_t *, uint32_t, "
                     "shoji_error *) to int32_t (*)(shoji_agent *, const shoji_call *, "
                     "const uint32_t *, uint32_t, shoji_error *)")

    def test_changing_a_flag_or_a_kind(self):
        self.edit("hypervisor_hotplug.h", "#define SHOJI_BLOCK_DIRECT 0x2u ",
                  "#define SHOJI_BLOCK_DIRECT 0x20u ")
        self.edit("hypervisor_hotplug.h", "#define SHOJI_DEVICE_VFIO 5u ",
                  "#define SHOJI_DEVICE_VFIO 7u ")
        self.edit("agent_ext.h", "#define SHOJI_ONLINE_WAIT 0x1u ",
                  "#define SHOJI_ONLINE_WAIT 0x1 ")
        self.refused("constant SHOJI_BLOCK_DIRECT changed from unsigned 2 to unsigned 32",
                     "constant SHOJI_DEVICE_VFIO changed from unsigned 5 to unsigned 7",
                     "constant SHOJI_ONLINE_WAIT changed from unsigned 1 to int 1")

    def test_every_header_is_in_the_snapshot(self):
        for word in ("struct shoji_network_v1 ", "struct shoji_hypervisor_hotplug_v1 ",
                     "struct shoji_hypervisor_snapshot_v1 ", "struct shoji_agent_oom_v1 ",
                     "struct shoji_secrets_v1 ", "constant SHOJI_SNAPSHOT_SHARED_MEMORY ",
                     'id SHOJI_METRICS_V1 "shoji.metrics/1"'):
            self.assertIn(f"\n{word}", self.snapshot)


class Form(Tree):
    """What headers must never contain; no reason excuses it."""

    def add(self, text):
        self.edit("store.h", "typedef struct shoji_store shoji_store;",
                  f"typedef struct shoji_store shoji_store;\n{text}")

    def refused_for(self, text, *lines):
        self.add(text)
        self.refused(*lines)
        self.run_tool("--update", "--force-break", "wanted", status=1)

    def test_struct_size_missing(self):
        self.refused_for("typedef struct shoji_x { uint64_t a; } shoji_x;",
                         "struct shoji_x: struct_size is not first; begin it with uint32_t "
                         "struct_size, or list it as frozen in plugin-api/abi/layout.py")

    def test_struct_size_later(self):
        self.refused_for("typedef struct shoji_x { uint32_t a; uint32_t struct_size; } shoji_x;",
                         "struct shoji_x: struct_size is not first; begin it with uint32_t "
                         "struct_size, or list it as frozen in plugin-api/abi/layout.py")

    def test_hole(self):
        self.refused_for("typedef struct shoji_x { uint32_t struct_size; uint64_t a; } shoji_x;",
                         "struct shoji_x: implicit padding of 4 bytes before field a; write it as "
                         "a reserved field")

    def test_hole_at_the_end(self):
        self.refused_for(
            "typedef struct shoji_x { uint32_t struct_size, b; uint64_t a; uint16_t c; } shoji_x;",
            "struct shoji_x: implicit padding of 6 bytes at the end; write it as a reserved field")

    def test_appending_half_a_word(self):
        self.edit("store.h", GET_EXTENSION, GET_EXTENSION + "\n  uint32_t more;")
        self.refused("struct shoji_store_v1: implicit padding of 4 bytes at the end; write it as a "
                     "reserved field")

    def test_bool(self):
        self.refused_for(
            "typedef struct shoji_x { uint32_t struct_size, a; void (*f)(_Bool on); } shoji_x;",
            "struct shoji_x: slot f: bool used; use int32_t or a flag bit")

    def test_enum(self):
        self.refused_for(
            "enum shoji_e { SHOJI_A };\n"
            "typedef struct shoji_x { uint32_t struct_size; enum shoji_e e; } shoji_x;",
            "struct shoji_x: field e: enum shoji_e used; use a fixed-width integer",
            "enum shoji_e: the compiler chooses the size of an enum; use #define and a "
            "fixed-width integer")

    def test_types_of_no_fixed_width(self):
        for name, text in (("int", "int"), ("long int", "long"), ("long unsigned int", "size_t"),
                           ("double", "double")):
            with self.subTest(name):
                self.add(f"typedef void (*shoji_f_{text})({text} a);")
                self.assertIn(f"type shoji_f_{text}: {name} is not of fixed width; use int32_t, "
                              "uint64_t, ...", self.run_tool(status=1))

    def test_bit_field_and_union(self):
        self.add("typedef struct shoji_x { uint32_t struct_size; uint32_t a : 32; } shoji_x;")
        self.add("typedef struct shoji_y { uint32_t struct_size, a; union { uint64_t u; } b; } "
                 "shoji_y;")
        self.refused("struct shoji_y: field b: a union changes size with its members; use tagged "
                     "structs",
                     "struct shoji_x: field a: a bit field has no fixed place; use flag bits")

    def test_growing_struct_by_value(self):
        self.refused_for(
            "typedef struct shoji_x { uint32_t struct_size, a; shoji_sink sink; } shoji_x;",
            "struct shoji_x: field sink: shoji_sink is held by value but may grow; use a pointer "
            "to it")

    def test_foreign_macro_name(self):
        self.refused_for("#define STORE_BIG 1",
                         "macro STORE_BIG: names of the ABI begin with SHOJI_")


class Snapshots(Tree):
    def break_something(self):
        self.edit("base.h", "#define SHOJI_NOT_FOUND 5 ", "#define SHOJI_NOT_FOUND 7 ")

    def test_a_break_needs_a_reason_and_keeps_it(self):
        self.break_something()
        self.run_tool("--update", status=1)
        self.run_tool("--update", "--force-break", "nothing uses it yet", status=0)
        self.assertIn("\nbreak nothing uses it yet\n", self.snapshot)
        self.run_tool("--update", status=0)
        self.assertIn("\nbreak nothing uses it yet\n", self.snapshot)
        self.run_tool(status=0)

    def test_an_empty_reason_is_none(self):
        self.assertIn("--force-break needs a reason",
                      self.run_tool("--update", "--force-break", " ", status=2)[-1])

    def test_a_reason_without_update_is_refused(self):
        self.assertIn("--force-break goes with --update",
                      self.run_tool("--force-break", "x", status=2)[-1])

    def test_what_a_release_shipped_cannot_be_forced(self):
        self.run_tool("--release", status=0)
        self.assertTrue((self.snapshots / "v1-0.1.0.layout").exists())
        self.break_something()
        lines = self.run_tool("--update", "--force-break", "please", status=1)
        self.assertIn("v1-0.1.0.layout: constant SHOJI_NOT_FOUND changed from int 5 to int 7",
                      lines)
        self.assertIn("v1-0.1.0.layout: constant SHOJI_NOT_FOUND changed from int 5 to int 7",
                      self.run_tool(status=1))

    def test_a_release_is_recorded_once_and_only_up_to_date(self):
        self.edit("store.h", GET_EXTENSION, GET_EXTENSION + "\n  int32_t (*sync)(void *store);")
        self.assertIn("is not up to date", self.run_tool("--release", status=1)[0])
        self.run_tool("--update", status=0)
        self.run_tool("--release", status=0)
        self.assertIn("has its layout already", self.run_tool("--release", status=1)[0])

    def test_missing_snapshot(self):
        (self.snapshots / "v1.layout").unlink()
        self.assertIn("make it with check-layout --update", self.run_tool(status=2)[0])

    def test_damaged_snapshot_is_named_with_its_line(self):
        path = self.snapshots / "v1.layout"
        path.write_text("struct shoji_str size many\n" + self.snapshot, encoding="utf-8")
        self.assertIn("v1.layout:1: not a line of a layout", self.run_tool(status=2)[0])

    def test_headers_that_do_not_compile(self):
        self.edit("store.h", "typedef struct shoji_store shoji_store;", "typedef struct;;")
        self.assertIn("do not compile", self.run_tool(status=2)[0])

    def test_no_headers(self):
        shutil.rmtree(self.include)
        self.assertIn("no headers in", self.run_tool(status=2)[0])


if __name__ == "__main__":
    unittest.main()
