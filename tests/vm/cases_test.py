# SPDX-License-Identifier: GPL-2.0-or-later
"""How scripts/vm counts test cases, on reports as text."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "vm"))
import cases  # noqa: E402

PASSED = '<TestCase name="a"><OverallResult success="true" durationInSeconds="0.5"/></TestCase>'
FAILED = ('<TestCase name="b"><Expression success="false" filename="b.cpp" line="7"><Original>x == 1</Original>'
          '<Expanded>2 == 1</Expanded></Expression><OverallResult success="false"/></TestCase>')
SKIPPED = '<TestCase name="c"><Warning>\n  skipped: no IPv6\n</Warning><OverallResult success="true"/></TestCase>'
ASSERTS_NOTHING = '<TestCase name="f"><OverallResult success="false"/></TestCase>'
SKIPPED_3 = '<TestCase name="d"><Skip filename="d.cpp" line="1">\n no IPv6\n</Skip><OverallResult success="true" skips="1"/></TestCase>'
UNFINISHED = '<TestCase name="e"><Section name="s"/></TestCase>'


class Counting(unittest.TestCase):
    def read(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(text)
            file.flush()
            return cases.came_back(file.name)

    def test_outcomes(self):
        seen = self.read(f"<Catch><Group>{PASSED}{FAILED}{SKIPPED}{SKIPPED_3}{UNFINISHED}{ASSERTS_NOTHING}</Group></Catch>")
        self.assertEqual({name: case.outcome for name, case in seen.items()},
                         {"a": "passed", "b": "failed", "c": "skipped", "d": "skipped", "e": "failed", "f": "failed"})
        self.assertEqual(seen["b"].details, ["b.cpp:7: x == 1 | 2 == 1"])
        self.assertEqual(seen["c"].details, ["skipped: no IPv6"])
        self.assertEqual(seen["d"].details, ["skipped: no IPv6"])

    def test_report_cut_short(self):
        seen = self.read(f"<Catch><Group>{PASSED}<TestCase name='b'><Expr")
        self.assertEqual(list(seen), ["a"])
        settled = cases.settle(["a", "b"], seen, "139")
        self.assertEqual([(case.name, case.outcome) for case in settled], [("a", "passed"), ("b", "failed")])

    def test_no_report(self):
        self.assertEqual(cases.came_back("/nonexistent"), {})
        self.assertEqual([case.outcome for case in cases.settle(["a"], {}, None)], ["failed"])

    def test_exit_status_counts_too(self):
        for status in ("1", None):
            settled = cases.settle(["a"], self.read(f"<Catch>{PASSED}</Catch>"), status)
            self.assertEqual([case.outcome for case in settled], ["passed", "failed"])
        self.assertEqual(len(cases.settle(["a"], self.read(f"<Catch>{PASSED}</Catch>"), "0")), 1)

    def test_skipping_is_an_assertion_too_few(self):
        skipped = self.read("<Catch>" + SKIPPED.replace("skipped: ", "SKIPPED: ").replace("true", "false") + "</Catch>")
        self.assertEqual([case.outcome for case in cases.settle(["c"], skipped, "1")], ["skipped"])
        self.assertEqual([case.outcome for case in cases.settle(["c"], skipped, "2")], ["skipped", "failed"])

    def test_nobody_asked(self):
        settled = cases.settle([], self.read(f"<Catch>{PASSED}</Catch>"), "0")
        self.assertEqual([case.outcome for case in settled], ["failed"])


if __name__ == "__main__":
    unittest.main()
