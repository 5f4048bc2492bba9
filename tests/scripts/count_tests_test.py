# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/count-tests makes of what test programs say."""

import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "count-tests"


def load():
    loader = importlib.machinery.SourceFileLoader("count_tests", str(SCRIPT))
    spec = importlib.util.spec_from_loader("count_tests", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
count_tests = load()

CATCH_BAD = """
===============================================================================
test cases:  12 |  9 passed | 2 failed | 1 failed as expected
assertions: 80 | 77 passed | 3 failed
"""


class OutputTest(unittest.TestCase):
    def check(self, text, ok, passed, failed, skipped):
        self.assertEqual(str(count_tests.of_output(text, ok)), str(count_tests.Counts(passed, failed, skipped)))

    def test_catch2_all_passed(self):
        self.check("x\nAll tests passed (85 assertions in 12 test cases)\n", True, 12, 0, 0)
        self.check("All tests passed (1 assertion in 1 test case)\n", True, 1, 0, 0)

    def test_catch2_failed(self):
        self.check(CATCH_BAD, False, 10, 2, 0)

    def test_catch2_v3_skipped(self):
        self.check("test cases: 3 | 1 passed | 2 skipped\nassertions: 1 | 1 passed\n", True, 1, 0, 2)

    def test_a_catch2_program_that_dies(self):
        self.check("...\n", False, 0, 1, 0)
        self.check("All tests passed (85 assertions in 12 test cases)\nAddressSanitizer: leak\n", False, 12, 1, 0)

    def test_cases_that_skip_themselves(self):
        text = "warning:\n  SKIPPED: network namespaces need root\nAll tests passed (3 assertions in 4 test cases)\n"
        self.check(text, True, 3, 0, 1)

    def test_unittest(self):
        self.check("....\nRan 16 tests in 1.375s\n\nOK\n", True, 16, 0, 0)
        self.check("Ran 16 tests in 1.375s\n\nOK (skipped=2)\n", True, 14, 0, 2)
        self.check("Ran 16 tests in 1.375s\n\nFAILED (failures=1, errors=2)\n", False, 13, 3, 0)

    def test_own_words(self):
        self.check("10 passed, 1 failed, 2 skipped\n", False, 10, 1, 2)

    def test_anything_else_is_one_case(self):
        self.check("17 seeds\n", True, 1, 0, 0)
        self.check("", False, 0, 1, 0)


JUNIT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="x" tests="4" failures="1" disabled="0" skipped="1">
<testcase name="a" status="run"><system-out>All tests passed (5 assertions in 3 test cases)</system-out></testcase>
<testcase name="b" status="fail"><failure message=""/><system-out>died</system-out></testcase>
<testcase name="c" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out/></testcase>
<testcase name="d" status="notrun"><skipped message="Unable to find executable: d"/><system-out/></testcase>
</testsuite>
"""


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tollgate-count-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_on(self, **files):
        paths = []
        for name, text in files.items():
            path = self.folder / name.replace("_", ".")
            path.write_text(text, encoding="utf-8")
            paths.append(str(path))
        ran = subprocess.run([sys.executable, "-B", SCRIPT, *paths], capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout

    def test_parts_are_added_and_failures_fail(self):
        self.assertEqual(self.run_on(a_xml=JUNIT, b_txt="7 passed, 0 failed, 0 skipped\n"),
                         (1, "10 passed, 2 failed, 1 skipped\n"))

    def test_all_good(self):
        self.assertEqual(self.run_on(b_txt="7 passed, 0 failed, 1 skipped\n"), (0, "7 passed, 0 failed, 1 skipped\n"))

    def test_nothing_ran(self):
        self.assertEqual(self.run_on(b_txt="0 passed, 0 failed, 1 skipped\n"), (1, "0 passed, 0 failed, 1 skipped\n"))


if __name__ == "__main__":
    unittest.main()
