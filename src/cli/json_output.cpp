// SPDX-License-Identifier: GPL-2.0-or-later
#include <boost/json.hpp>

#include "counted_flows.hpp"
#include "output.hpp"

namespace tollgate::cli {

namespace {

void line(Page& page, const boost::json::value& value) { page.out << boost::json::serialize(value) << '\n'; }

void status(Page& page, const Status& status) { line(page, to_json(status)); }

// One array, a flow a line.
class ArrayOfFlows final : public FlowList {
 public:
  explicit ArrayOfFlows(Page& page) : page_{page} { page_.out << '['; }
  void add(const FlowEntry& flow) override {
    page_.out << (first_ ? "\n" : ",\n") << boost::json::serialize(to_json(flow));
    first_ = false;
  }
  void finish() override { page_.out << (first_ ? "]\n" : "\n]\n"); }

 private:
  Page& page_;
  bool first_ = true;
};

// A flow a line, each an object of its own.
class LinesOfFlows final : public FlowList {
 public:
  explicit LinesOfFlows(Page& page) : page_{page} {}
  void add(const FlowEntry& flow) override { line(page_, to_json(flow)); }
  void finish() override {}

 private:
  Page& page_;
};

std::unique_ptr<FlowList> flows(Page& page, bool) { return std::make_unique<ArrayOfFlows>(page); }

std::unique_ptr<FlowList> flows_by(Page& page, const std::string& what) {
  return std::make_unique<CountedFlows>(what, [&page, what](const std::vector<FlowGroup>& groups) {
    boost::json::array array;
    for (const FlowGroup& group : groups) {
      boost::json::object one{
          {what, nullptr}, {"flows", group.flows}, {"packets", group.packets}, {"bytes", group.bytes}};
      if (!group.name.empty()) one[what] = group.name;
      array.push_back(std::move(one));
    }
    line(page, array);
  });
}

void change(Page& page, const FlowEvent& event) {
  line(page, to_json(event));
  page.out.flush();
}

void counted(Page& page, const ActionCounts& counts) { line(page, to_json(counts)); }

boost::json::object state(const Status::PolicyState& policy) {
  return {{"generation", policy.generation}, {"rules", policy.rules}, {"loaded", policy.loaded}};
}

// One array, a rule a line.
void rules(Page& page, const std::vector<RuleEntry>& rules) {
  page.out << '[';
  for (std::size_t i = 0; i < rules.size(); ++i)
    page.out << (i == 0 ? "\n" : ",\n") << boost::json::serialize(to_json(rules[i]));
  page.out << (rules.empty() ? "]\n" : "\n]\n");
}

void rule_changed(Page& page, const std::string& name, const Status::PolicyState& policy) {
  line(page, {{"name", name}, {"policy", state(policy)}});
}

void reloaded(Page& page, const Status::PolicyState& policy) { line(page, {{"policy", state(policy)}}); }

void refused(Page& page, const Diagnostics& diagnostics, std::uint64_t omitted) {
  line(page, {{"diagnostics", to_json(diagnostics)}, {"omitted", omitted}});
}

void explanation(Page& page, const ExplainRequest&, const Explanation& explanation) {
  line(page, to_json(explanation));
}

void checked(Page& page, const CheckResult& result) {
  boost::json::array files;
  for (const CheckedFile& file : result.files) files.push_back({{"kind", file.kind}, {"path", file.path}});
  line(page, {{"checked", files},
              {"diagnostics", to_json(result.diagnostics)},
              {"skipped", to_json(result.skipped)}});
}

std::unique_ptr<FlowList> replayed(Page& page) { return std::make_unique<LinesOfFlows>(page); }

void summary(Page& page, const ReplaySummary& summary) { line(page, to_json(summary)); }

}  // namespace

const Output kJsonOutput{&status,  &flows,       &flows_by,     &change,       &counted,
                         &counted, &rules,       &rule_changed, &rule_changed, &reloaded,
                         &refused, &explanation, &checked,      &replayed,     &summary};

}  // namespace tollgate::cli
