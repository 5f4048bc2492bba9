// SPDX-License-Identifier: GPL-2.0-or-later
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "scenario.hpp"
#include "scenario_words.hpp"

namespace tollgate::test {
namespace {

class ScenarioReader {
 public:
  explicit ScenarioReader(const std::string& path) : in_{path} {
    if (!in_) throw std::runtime_error{path + ": cannot be read"};
    scenario_.file = path;
  }

  Scenario read() {
    std::string text;
    while (next(text)) {
      if (words_of(text).empty()) continue;
      text.front() == ' ' ? on_effect(text) : on_statement(text);
    }
    return std::move(scenario_);
  }

 private:
  bool next(std::string& text) {
    if (!std::getline(in_, text)) return false;
    ++line_;
    return true;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error{scenario_.file + ":" + std::to_string(line_) + ": " + what};
  }

  void on_effect(const std::string& text) {
    if (scenario_.steps.empty()) fail("an effect without a step");
    scenario_.steps.back().expected.push_back(join(words_of(text)));
    scenario_.steps.back().expected_lines.push_back(line_);
  }

  void on_statement(const std::string& text) {
    std::vector<std::string> words = words_of(text);
    if (words[0] == "policy") {
      scenario_.policy = read_block();
    } else if (words[0] == "options") {
      for (std::size_t i = 1; i < words.size(); ++i) scenario_.options.push_back(setting(words[i]));
    } else if (words[0] == "at" && words.size() >= 3) {
      Step step;
      step.line = line_;
      step.at = Time{duration(words[1])};
      step.words.assign(words.begin() + 2, words.end());
      if (step.words[0] == "policy" || step.words[0] == "rules") step.policy = read_block();
      scenario_.steps.push_back(std::move(step));
    } else {
      fail("not a statement: " + text);
    }
  }

  std::string read_block() {
    std::string block, text;
    while (next(text)) {
      if (text == "end") return block;
      block += text + "\n";
    }
    fail("a policy without its end");
  }

  std::ifstream in_;
  std::uint32_t line_ = 0;
  Scenario scenario_;
};

}  // namespace

Scenario read_scenario(const std::string& path) { return ScenarioReader{path}.read(); }

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (c == '#' && !quoted) break;
    if (c == ' ' && !quoted) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::pair<std::string, std::string> setting(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos) throw std::runtime_error{"not NAME=VALUE: " + word};
  return {word.substr(0, equals), word.substr(equals + 1)};
}

Duration duration(const std::string& text) {
  std::size_t used = 0;
  const double value = std::stod(text, &used);
  const std::string unit = text.substr(used);
  const double seconds = unit == "ms" ? 0.001 : unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : -1;
  if (seconds < 0) throw std::runtime_error{"not a time: " + text};
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>{value * seconds});
}

}  // namespace tollgate::test
