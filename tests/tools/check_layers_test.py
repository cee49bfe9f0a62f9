#!/usr/bin/env python3
"""Tests tools/check_layers on small trees made for the purpose."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "check_layers")

LAYERS = """
row 0 base
row 1 media storage
row 2 engine
allow fmt/   base engine
allow libav  media/av
allow media_av/          media engine/src
allow media_av/load.hpp  media engine base
"""


class CheckLayers(unittest.TestCase):
    def run_on(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in {"layers.txt": LAYERS, **files}.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as out:
                    out.write(text)
            done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True, check=False)
            return done.returncode, done.stdout

    def assert_fault(self, files, *texts):
        code, out = self.run_on(files)
        self.assertNotEqual(code, 0, out)
        for text in texts:
            self.assertIn(text, out)

    def test_a_good_tree_passes(self):
        code, out = self.run_on({
            "base/include/base/a.hpp": "#include <string>\n#include <sys/types.h>\n#include <fmt/format.h>\n",
            "engine/src/b.cpp": '#include "c.hpp"\n#include <base/a.hpp>\n#include <media_av/x.hpp>\n',
            "engine/src/c.hpp": "#include <engine/d.hpp>\n",
        })
        self.assertEqual((code, out), (0, ""))

    def test_an_upward_include_fails(self):
        self.assert_fault({"base/src/a.cpp": "\n#include <engine/b.hpp>\n"}, "base/src/a.cpp:2", "upwards")

    def test_a_sideways_include_fails(self):
        self.assert_fault({"media/src/a.cpp": "#include <storage/b.hpp>\n"}, "sideways")

    def test_a_quoted_path_into_another_module_is_seen(self):
        self.assert_fault({"media/src/a.cpp": '#include "../../engine/src/b.hpp"\n', "engine/src/b.hpp": ""},
                          "upwards")

    def test_a_library_outside_its_modules_fails(self):
        self.assert_fault({"engine/src/a.cpp": "#include <libavutil/avutil.h>\n",
                           "media/src/b.cpp": "#include <fmt/format.h>\n"},
                          "engine/src/a.cpp:1", "media/src/b.cpp:1")

    def test_an_unlisted_library_fails(self):
        self.assert_fault({"engine/src/a.cpp": "#include <boost/asio.hpp>\n"}, "allows nowhere")

    def test_a_test_may_include_private_headers(self):
        files = {"engine/src/a.hpp": "", "tests/engine/a_test.cpp": "#include <a.hpp>\n"}
        self.assertEqual(self.run_on(files)[0], 0)
        self.assert_fault({"engine/src/a.hpp": "", "base/src/b.cpp": "#include <a.hpp>\n"}, "allows nowhere")

    def test_the_longest_prefix_decides(self):
        self.assert_fault({"engine/include/engine/a.hpp": "#include <media_av/ptrs.hpp>\n"}, "only in")
        self.assertEqual(self.run_on({"base/src/a.cpp": "#include <media_av/load.hpp>\n"})[0], 0)

    def test_long_files_fail(self):
        self.assert_fault({"base/src/a.cpp": "\n" * 601, "base/src/b.hpp": "\n" * 301},
                          "a.cpp: 601 lines", "b.hpp: 301 lines")

    def test_names_that_say_nothing_fail(self):
        self.assert_fault({"base/src/util.cpp": "", "base/src/helpers/a.hpp": ""}, "'util'", "'helpers'")

    def test_the_build_folder_is_not_looked_at(self):
        self.assertEqual(self.run_on({"build/x/util.cpp": ""})[0], 0)

    def test_a_bad_rule_names_its_line(self):
        code, _ = self.run_on({"layers.txt": "row one base\n"})
        self.assertNotEqual(code, 0)


if __name__ == "__main__":
    unittest.main()
