// SPDX-License-Identifier: GPL-2.0-or-later
#include "tollgate/process/script.hpp"

#include "catch.hpp"

using namespace tollgate;

namespace {

std::string script(const std::string& path, const std::vector<std::string>& arguments) {
  return script_of(path, arguments, "/home/a", default_interpreters());
}

}  // namespace

TEST_CASE("the first argument that is no option") {
  CHECK(script("/usr/bin/python3.11", {"python3", "-u", "-W", "ignore", "/opt/run.py", "x"}) ==
        "/opt/run.py");
  CHECK(script("/usr/bin/bash", {"bash", "-x", "-o", "pipefail", "go.sh"}) == "/home/a/go.sh");
  CHECK(script("/usr/bin/node", {"node", "--inspect", "--require", "hook", "./app.js"}) == "/home/a/app.js");
  CHECK(script("/usr/bin/perl", {"perl", "-w", "-I", "lib", "x.pl"}) == "/home/a/x.pl");
  CHECK(script("/bin/sh", {"sh", "--", "-odd"}) == "/home/a/-odd");
}

TEST_CASE("modules, archives and classes") {
  CHECK(script("/usr/bin/python3", {"python3", "-m", "http.server"}) == "module http.server");
  CHECK(script("/usr/bin/java", {"java", "-Xmx1g", "-cp", "a.jar", "-jar", "b.jar"}) == "/home/a/b.jar");
  CHECK(script("/usr/bin/java", {"java", "-cp", "a.jar", "org.a.Main"}) == "class org.a.Main");
}

TEST_CASE("letters that stand together, and values that stand with them") {
  CHECK(script("/usr/bin/bash", {"bash", "-euo", "pipefail", "go.sh"}) == "/home/a/go.sh");
  CHECK(script("/usr/bin/bash", {"bash", "-eoc", "pipefail", "curl x"}).empty());
  CHECK(script("/usr/bin/bash", {"bash", "+x", "-O", "extglob", "go.sh"}) == "/home/a/go.sh");
  CHECK(script("/usr/bin/python3", {"python3", "-Wignore", "-Im", "pip", "install"}) == "module pip");
  CHECK(script("/usr/bin/python3", {"python3", "-mhttp.server", "8000"}) == "module http.server");
  CHECK(script("/usr/bin/python3", {"python3", "-Ic", "print()", "x"}).empty());
  CHECK(script("/usr/bin/perl", {"perl", "-lane", "print", "x"}).empty());
  CHECK(script("/usr/bin/perl", {"perl", "-i.orig", "-Mvalue", "x.pl"}) == "/home/a/x.pl");
  CHECK(script("/usr/bin/node", {"node", "-pe", "1"}).empty());
  CHECK(script("/usr/bin/ruby", {"ruby", "-rsocket", "-I", "lib", "x.rb"}) == "/home/a/x.rb");
  CHECK(script("/usr/bin/php", {"php", "-dmemory_limit=1G", "-S", "[::]:80", "-t", "web", "r.php"}) ==
        "/home/a/r.php");
  CHECK(script("/usr/bin/php", {"php", "-f", "a.php"}) == "/home/a/a.php");
  CHECK(script("/usr/bin/Rscript", {"Rscript", "-e", "1"}).empty());
}

TEST_CASE("words before the script") {
  CHECK(script("/usr/bin/deno", {"deno", "run", "--allow-net", "app.ts"}) == "/home/a/app.ts");
  CHECK(script("/usr/bin/deno", {"deno", "eval", "1"}).empty());
  CHECK(script("/usr/bin/bun", {"bun", "run", "app.ts"}) == "/home/a/app.ts");
}

TEST_CASE("what is no script") {
  CHECK(script("/usr/bin/python3", {"python3", "-c", "import os"}).empty());
  CHECK(script("/usr/bin/bash", {"bash", "-ec", "true"}).empty());
  CHECK(script("/usr/bin/bash", {"-bash"}).empty());
  CHECK(script("/usr/bin/python3", {"python3", "-"}).empty());
  CHECK(script("/usr/bin/python3", {"python3", "-m"}).empty());
  CHECK(script("/usr/bin/curl", {"curl", "http://x"}).empty());
  CHECK(script("", {"python3", "x"}).empty());
  CHECK(script("/usr/bin/node", {}).empty());
}

TEST_CASE("busybox is what it is called by") {
  CHECK(script("/bin/busybox", {"sh", "a.sh"}) == "/home/a/a.sh");
  CHECK(script("/bin/busybox", {"wget", "http://x"}).empty());
}

TEST_CASE("which programs are interpreters is a matter of configuration") {
  const std::vector<std::string> arguments = {"mine", "a"};
  CHECK(script_of("/opt/mine", arguments, "/", std::vector<std::string>{"mi*"}) == "/a");
  CHECK(script_of("/opt/mine", arguments, "", std::vector<std::string>{"mi*"}) == "a");
  CHECK(script_of("/opt/mine", arguments, "/", {}).empty());
}
