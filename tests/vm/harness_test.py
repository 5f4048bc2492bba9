# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds scripts/vm-test to its word, in real machines: nothing passes that did not run to its end,
and no qemu stays behind. Takes the build tree as its argument; about two minutes."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

VM_TEST = Path(__file__).resolve().parents[2] / "scripts" / "vm-test"
BUILD = sys.argv.pop(1) if len(sys.argv) > 1 else "build/release"


class Harness(unittest.TestCase):
    def setUp(self):
        # The machine's files stand below it, so that its name finds our qemu and no other.
        self.place = tempfile.TemporaryDirectory(prefix="vm-harness-")
        self.addCleanup(self.place.cleanup)

    def start(self, *arguments):
        return subprocess.Popen([VM_TEST, "--build", BUILD, "--kernel", "6.1", *arguments], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                env={**os.environ, "TMPDIR": self.place.name})

    def run_all(self, *arguments):
        runner = self.start(*arguments)
        text, _ = runner.communicate(timeout=300)
        return runner.returncode, text

    def machines(self):
        """Command lines of the qemu processes of this test."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].startswith(b"qemu") and any(self.place.name.encode() in word for word in words):
                found.append(words)
        return found

    def wait_for(self, condition):
        for _ in range(600):
            if condition():
                return
            time.sleep(0.1)
        self.fail("did not happen within a minute")

    def test_each_way_not_to_pass(self):
        status, text = self.run_all("--job-timeout", "10", "vm_misbehaving=passes", "vm_misbehaving=fails",
                                    "vm_misbehaving=asserts nothing", "vm_misbehaving=is skipped",
                                    "vm_misbehaving=ends early", "vm_misbehaving=hangs")
        self.assertEqual(status, 1, text)
        self.assertEqual(text.splitlines()[-1], "1 passed, 4 failed, 1 skipped", text)
        self.assertIn("ends early\n    did not come back", text)
        self.assertIn("hangs\n    did not come back", text)
        self.assertIn("SKIPPED: to show that it is said", text)

    def test_panic_is_failure(self):
        status, text = self.run_all("--machines", "1", "vm_misbehaving=passes", "vm_misbehaving=panics")
        self.assertEqual(status, 1, text)
        self.assertEqual(text.splitlines()[-1], "0 passed, 3 failed, 0 skipped", text)
        self.assertIn("the machine ended without its last word", text)

    def test_time_out_is_failure_and_what_was_done_comes_back(self):
        status, text = self.run_all("--machines", "1", "--timeout", "45", "vm_misbehaving=passes", "vm_misbehaving=hangs")
        self.assertEqual(status, 1, text)
        self.assertEqual(text.splitlines()[-1], "1 passed, 1 failed, 0 skipped", text)
        self.assertEqual(self.machines(), [])

    def test_hard_time_out_ends_the_machine(self):
        status, text = self.run_all("--timeout", "1", "vm_misbehaving=passes")
        self.assertEqual(status, 1, text)
        self.assertIn("time-out after 1 s", text)
        self.assertEqual(text.splitlines()[-1], "0 passed, 2 failed, 0 skipped", text)
        self.assertEqual(self.machines(), [])

    def test_ended_from_outside_leaves_nothing(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number):
                runner = self.start("vm_misbehaving=hangs")
                self.wait_for(self.machines)
                runner.send_signal(number)
                runner.communicate(timeout=60)
                self.assertNotEqual(runner.returncode, 0)
                self.wait_for(lambda: not self.machines())

    def test_two_at_once(self):
        runners = [self.start("vm_misbehaving=passes") for _ in range(2)]
        for runner in runners:
            text, _ = runner.communicate(timeout=300)
            self.assertEqual(text.splitlines()[-1], "1 passed, 0 failed, 0 skipped", text)

    def test_what_is_not_there_is_refused(self):
        for arguments in (["vm_nonsense"], ["vm_misbehaving=no such case"], ["--kernel", "9.99", "vm_misbehaving=passes"]):
            status, text = self.run_all(*arguments)
            self.assertEqual(status, 1, text)
            self.assertIn("vm-test: ", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
