# SPDX-License-Identifier: GPL-2.0-or-later
"""Test cases of Catch2 programs: which there are, which came back, and how they ended."""

import subprocess
import xml.etree.ElementTree as xml
from dataclasses import dataclass, field

from cache import Unavailable

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# How a case says so with Catch2 v2, which cannot skip: WARN("SKIPPED: reason").
SKIP_WARNING = "skipped: "


@dataclass
class Case:
    name: str
    outcome: str
    seconds: str = "0"
    details: list = field(default_factory=list)  # lines: what failed and where, or why it was skipped


def expected(program, spec):
    """Names of the test cases that this program would run for this test specification."""
    def ask(*options):
        asked = subprocess.run([program, *options], text=True, capture_output=True, check=False, timeout=60)
        return asked.stdout
    if "Catch" not in (identity := ask("--libidentify")):
        raise Unavailable(f"{program} is no Catch2 program")
    version_2 = "version:" in identity and identity.split("version:")[1].strip().startswith("2.")
    # Exit codes mean nothing here: v2 returns how many there are.
    listing = ["--list-test-names-only"] if version_2 else ["--list-tests", "--verbosity", "quiet"]
    names = [line.strip() for line in ask(*spec, *listing).splitlines() if line.strip()]
    if not names:
        raise Unavailable(f"{program} has no test case{' for ' + ' '.join(spec) if spec else ''}")
    return names


def came_back(path):
    """The finished cases in an XML report of Catch2, also of one that was cut short."""
    cases = {}
    try:
        for _, element in xml.iterparse(path):
            if element.tag == "TestCase":
                cases[element.get("name")] = _read(element)
    except (OSError, xml.ParseError):
        pass  # what is missing is counted as failed by `settle`
    return cases


def settle(names, cases, exit_status):
    """One case for each name asked for, and for each that nobody asked for. `exit_status` is None
    when there was none. A program that failed without a failed case has failed as a whole."""
    settled = [cases.get(name) or Case(name, FAILED, details=["did not come back"]) for name in names]
    settled += [Case(name, FAILED, details=["came back without having been asked for"])
                for name in cases if name not in names]
    # Catch2 v2 counts a case that skipped itself as one that asserts nothing.
    skipped = sum(case.outcome == SKIPPED for case in settled)
    if exit_status not in ("0", str(skipped)) and not any(case.outcome == FAILED for case in settled):
        settled.append(Case("(the program)", FAILED, details=[f"exit status {exit_status}"]))
    return settled


def _read(element):
    result = element.find("OverallResult")
    warnings = [(w.text or "").strip() for w in element.iter("Warning")]
    skips = [w for w in warnings if w.lower().startswith(SKIP_WARNING)]
    skips += [SKIP_WARNING + (s.text or "").strip() for s in element.iter("Skip")]
    seconds = "0" if result is None else result.get("durationInSeconds", "0")
    failures = _failures(element)
    if result is not None and skips and not failures:
        return Case(element.get("name"), SKIPPED, seconds, skips)
    if result is None or result.get("success") != "true":
        return Case(element.get("name"), FAILED, seconds, failures or ["failed without a failed assertion: it made none"])
    return Case(element.get("name"), PASSED, seconds)


def _failures(element):
    lines, known = [], []
    for bad in element.iter():
        if bad.tag == "Info":  # what the test said of itself; stands in front of what it is about
            known.append("with " + (bad.text or "").strip())
            continue
        if bad.tag == "Expression" and bad.get("success") == "false":
            texts = [" ".join((bad.findtext(part) or "").split()) for part in ("Original", "Expanded", "Exception")]
            lines.append(f"{bad.get('filename')}:{bad.get('line')}: " + " | ".join(t for t in texts if t))
        elif bad.tag in ("Failure", "FatalErrorCondition") or (bad.tag == "Exception" and bad.get("line")):
            lines.append(f"{bad.get('filename')}:{bad.get('line')}: {(bad.text or '').strip()}")
        else:
            continue
        lines += known
        known = []
    return lines


def junit(path, suites):
    """Writes the cases of all suites, a list of (name, cases), as JUnit XML."""
    top = xml.Element("testsuites")
    for name, cases in suites:
        count = lambda outcome: str(sum(case.outcome == outcome for case in cases))
        suite = xml.SubElement(top, "testsuite", name=name, tests=str(len(cases)), failures=count(FAILED),
                               skipped=count(SKIPPED), errors="0")
        for case in cases:
            entry = xml.SubElement(suite, "testcase", classname=name, name=case.name, time=case.seconds)
            if case.outcome == FAILED:
                xml.SubElement(entry, "failure", message=case.details[0]).text = "\n".join(case.details)
            elif case.outcome == SKIPPED:
                xml.SubElement(entry, "skipped", message=case.details[0])
    xml.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)
