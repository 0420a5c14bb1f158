"""Each ABI header compiles alone, as C11 and as C++20, and so does what its macros make.

The compilers come from SHOJI_CC and SHOJI_CXX (default: cc and c++).
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import doc_lint  # noqa: E402

INCLUDE = pathlib.Path(__file__).resolve().parent / "include"
HEADERS = sorted((INCLUDE / "shoji" / "plugin").glob("*.h"))
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef", "-Wpadded", "-Werror"]
C = [os.environ.get("SHOJI_CC", "cc"), "-x", "c", "-std=c11", "-pedantic", "-Wstrict-prototypes",
     "-Wc++-compat"]
CXX = [os.environ.get("SHOJI_CXX", "c++"), "-x", "c++", "-std=c++20", "-pedantic"]

MACROS = """
#include "shoji/plugin/note.h"
#include "shoji/plugin/store.h"
SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", "com.example.kv", "1.0.0", "Example", "MIT")
                  SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE(SHOJI_STORE_V1, "0")
                  SHOJI_NOTE_OPTION("path", "path", "/x", "required", "Where"));
SHOJI_EXPORT int32_t Has(const shoji_store_v1 *t);
int32_t Has(const shoji_store_v1 *t) {
  return SHOJI_HAS(shoji_store_v1, t, reserved0) && SHOJI_HAS_SLOT(shoji_store_v1, t, save);
}
"""


def compile_source(command, source, *extra):
    return subprocess.run(command + WARNINGS + [f"-I{INCLUDE}", "-fsyntax-only", *extra, "-"],
                          input=source, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


class Headers(unittest.TestCase):
    def compiles(self, command, source):
        done = compile_source(command, source)
        self.assertEqual(done.returncode, 0, f"{' '.join(command)}:\n{done.stdout}")

    def each(self, command):
        self.assertTrue(HEADERS)
        for header in HEADERS:
            with self.subTest(header.name):
                line = f'#include "shoji/plugin/{header.name}"\n'
                self.compiles(command, line + line + "typedef int32_t shoji_test_not_empty;\n")

    def test_alone_as_c(self):
        self.each(C)

    def test_alone_as_cxx(self):
        self.each(CXX)

    def test_together_in_reverse_order(self):
        source = "".join(f'#include "shoji/plugin/{h.name}"\n' for h in reversed(HEADERS))
        self.compiles(C, source)
        self.compiles(CXX, source)

    def test_macros(self):
        self.compiles(C, MACROS)
        self.compiles(CXX, MACROS)

    def test_the_note_ends_where_its_section_does(self):
        """Whatever follows our note in the file must be found: try each length modulo 4."""
        for version in ("1", "12", "123", "1234"):
            note = f'SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", "kv", "{version}", "v", "l"));'
            for command in (C, CXX):
                with self.subTest(f"{command[0]} {version}"):
                    text = self.notes_of(command, f'#include "shoji/plugin/note.h"\n{note}\n')
                    self.assertIn("Shoji", text)
                    self.assertNotIn("Corrupt", text)

    def notes_of(self, command, source):
        with tempfile.TemporaryDirectory(prefix="shoji-note-") as scratch:
            path = os.path.join(scratch, "note.o")
            subprocess.run(command + [f"-I{INCLUDE}", "-c", "-o", path, "-"], input=source,
                           text=True, check=True)
            return subprocess.run(["readelf", "-n", path], text=True, check=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env={**os.environ, "LC_ALL": "C"}).stdout

    def test_only_two_libc_headers(self):
        for header in HEADERS:
            found = set(re.findall(r"#include <([^>]+)>", header.read_text(encoding="utf-8")))
            self.assertLessEqual(found, {"stddef.h", "stdint.h"}, header.name)

    def test_the_flags_catch_what_they_should(self):
        """A test that cannot fail is none: a hole and an old-style prototype are refused."""
        for source in ("struct s { char a; int b; }; struct s v;", "int f(); "):
            done = compile_source(C, source)
            self.assertNotEqual(done.returncode, 0, source)


class Words(unittest.TestCase):
    """Every slot and struct is documented, in the form that vendors rely on."""

    def test_nothing_is_missing(self):
        for header in HEADERS:
            with self.subTest(header.name):
                self.assertEqual(doc_lint.problems(header.read_text(encoding="utf-8")), [])

    GOOD = """/* A header.
 *
 * Threads  Any.
 * Since    ABI 1.
 */
#define SHOJI_A 1
/* A table. */
typedef struct shoji_x {
  uint32_t struct_size;
  uint32_t flags; /* none; yet */
  /* Does; it. NOT_FOUND. */
  int32_t (*one)(void *self, shoji_error *err);
  /* Cannot fail. */
  void (*two)(void *self);
} shoji_x;
"""

    def test_each_hole_is_found(self):
        self.assertEqual(doc_lint.problems(self.GOOD), [])
        for old, new, line in (
                (" * Threads  Any.\n", "", "the opening comment does not say Threads"),
                (" * Since    ABI 1.\n", "", "the opening comment does not say Since"),
                ("/* A table. */\n", "", "struct shoji_x has no comment above it"),
                ("/* A table. */\n", "/* A table. */\n#define SHOJI_X 1\n",
                 "struct shoji_x has no comment above it"),
                ("  /* Cannot fail. */\n", "", "slot shoji_x.two has no comment of its own"),
                ("  /* Does; it. NOT_FOUND. */\n", "", "slot shoji_x.one has no comment of its own"),
                (" NOT_FOUND.", "", "slot shoji_x.one may fail and names no error")):
            with self.subTest(line):
                self.assertEqual(self.GOOD.count(old), 1)
                self.assertEqual(doc_lint.problems(self.GOOD.replace(old, new)), [line])

    def test_errors_of_the_whole_header_count(self):
        text = self.GOOD.replace(" NOT_FOUND.", "").replace(" * Since", " * Errors   Few.\n * Since")
        self.assertEqual(doc_lint.problems(text), [])

    def test_a_header_opens_with_a_comment(self):
        self.assertEqual(doc_lint.problems("#define X\n" + self.GOOD),
                         ["does not open with a comment"])


if __name__ == "__main__":
    unittest.main()
