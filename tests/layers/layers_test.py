# SPDX-License-Identifier: GPL-2.0-or-later
"""Plants violations in a house of its own and sees that each is found, and nothing else."""

import pathlib
import tempfile
import unittest

import layers


class House:
    """A tree that keeps all rules, to be spoilt one rule at a time."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        for folder, uses in layers.EDGES.items():
            depends = " ".join(f"tollgate_{used}" for used in uses)
            self.write(f"src/{folder}/CMakeLists.txt", f"tollgate_folder({folder} DEPENDS {depends} X::Y)\n")
            self.write(f"include/tollgate/{folder}/good.hpp", "#pragma once\n#include <string>\n")
        for file, header in layers.EXCEPTIONS:
            self.write(file, f"#include <{header}>\n")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


class LayersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tollgate-layers-")
        self.addCleanup(folder.cleanup)
        self.house = House(folder.name)

    def found(self, path, text):
        self.house.write(path, text)
        return layers.check(self.house.root)

    def test_a_good_house_has_no_violation(self):
        self.assertEqual(layers.check(self.house.root), [])

    def test_what_is_allowed_is_not_found(self):
        text = (
            "// #include <sys/socket.h>\n/*\n#include <thread>\n*/\n"
            '#include "tollgate/base/good.hpp"\n#include "tollgate/flow/good.hpp"\n'
            "#include <vector>\n#include <boost/unordered/unordered_flat_map.hpp>\n"
            'const char* text = "system_clock is a word";\n'
        )
        self.assertEqual(self.found("src/engine/good.cpp", text), [])

    def test_the_shell_may_use_the_system(self):
        text = '#include <sys/socket.h>\n#include "linux/own.hpp"\nauto t = std::chrono::steady_clock::now();\n'
        self.assertEqual(self.found("src/daemon/good.cpp", text), [])

    def test_upwards(self):
        self.assertEqual(
            self.found("src/wire/bad.cpp", '\n#include "tollgate/flow/flow.hpp"\n'),
            ["src/wire/bad.cpp:2: wire may not use flow"],
        )

    def test_upwards_in_a_public_header(self):
        self.assertEqual(
            self.found("include/tollgate/policy/bad.hpp", '#include "tollgate/engine/engine.hpp"\n'),
            ["include/tollgate/policy/bad.hpp:1: policy may not use engine"],
        )

    def test_sideways(self):
        self.assertEqual(
            self.found("src/record/bad.cpp", '#include "tollgate/policy/policy.hpp"\n'),
            ["src/record/bad.cpp:1: record may not use policy"],
        )
        self.house.write("src/record/bad.cpp", "")
        self.assertEqual(
            self.found("src/control/bad.cpp", '#include "linux/queue.hpp"\n'),
            ["src/control/bad.cpp:1: control may not use linux"],
        )

    def test_private_headers_of_another_folder(self):
        self.assertEqual(
            self.found("src/daemon/bad.cpp", '#include "engine/engine_context.hpp"\n'),
            ['src/daemon/bad.cpp:1: "engine/engine_context.hpp" is private to engine'],
        )

    def test_dots(self):
        self.assertEqual(
            self.found("src/daemon/bad.cpp", '#include "../linux/queue.hpp"\n'),
            ['src/daemon/bad.cpp:1: "../linux/queue.hpp": leave the folder by its name, not by ..'],
        )

    def test_system_headers_in_the_core(self):
        for header in (
            "sys/socket.h unistd.h netinet/in.h arpa/inet.h fstream filesystem iostream thread mutex ctime random cstdio "
            "fcntl.h time.h poll.h stdio.h"
        ).split():
            with self.subTest(header=header):
                self.assertEqual(
                    self.found("src/engine/bad.cpp", f"# include <{header}>\n"),
                    [f"src/engine/bad.cpp:1: <{header}>: engine is core and may not use it"],
                )

    def test_libraries_out_of_their_folders(self):
        for header in (
            "linux/netfilter.h boost/asio.hpp boost/asio/ip/tcp.hpp pcap/pcap.h libmnl/libmnl.h systemd/sd-daemon.h "
            "libnetfilter_queue/libnetfilter_queue.h boost/json.hpp boost/thread.hpp CLI/CLI.hpp toml++/toml.h"
        ).split():
            with self.subTest(header=header):
                self.assertEqual(
                    self.found("src/engine/bad.cpp", f"#include <{header}>\n"),
                    [f"src/engine/bad.cpp:1: <{header}> is not for engine"],
                )

    def test_clocks_in_the_core(self):
        for text in (
            "std::chrono::system_clock::now()",
            "steady_clock :: now()",
            "clock_gettime(CLOCK_MONOTONIC, &t)",
            "std::time(nullptr)",
        ):
            with self.subTest(text=text):
                found = self.found("src/flow/bad.cpp", f"\n\nauto x = {text};\n")
                self.assertEqual(len(found), 1)
                self.assertRegex(found[0], r"^src/flow/bad\.cpp:3: .*: flow is core and may not read a clock$")

    def test_an_include_by_macro(self):
        self.assertEqual(
            self.found("src/wire/bad.cpp", "#include HEADER\n"),
            ["src/wire/bad.cpp:1: #include HEADER: name the file"],
        )

    def test_a_folder_that_nobody_agreed_to(self):
        self.assertEqual(
            self.found("src/helpers/bad.cpp", ""), ["src/helpers/bad.cpp:1: stands in no folder of the house"]
        )

    def test_a_dependency_that_nobody_agreed_to(self):
        self.assertEqual(
            self.found("src/wire/CMakeLists.txt", "tollgate_folder(wire DEPENDS tollgate_base tollgate_flow)\n"),
            ["src/wire/CMakeLists.txt:1: DEPENDS ['base', 'flow'], agreed is ['base']"],
        )

    def test_an_exception_that_is_not_needed(self):
        file, header = sorted(layers.EXCEPTIONS)[0]
        self.assertEqual(
            self.found(file, "#include <string>\n"),
            [f"{file}:1: the exception for <{header}> is not needed any more"],
        )

    def test_an_empty_tree(self):
        with tempfile.TemporaryDirectory(prefix="tollgate-layers-") as empty:
            for folder in layers.EDGES:
                (pathlib.Path(empty) / "src" / folder).mkdir(parents=True)
                (pathlib.Path(empty) / "src" / folder / "CMakeLists.txt").write_text("")
            self.assertIn(f"{empty}:1: no sources here", layers.check(empty))


if __name__ == "__main__":
    unittest.main()
