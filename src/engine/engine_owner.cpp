// SPDX-License-Identifier: GPL-2.0-or-later
// Whose a flow is: asked when it opens, awaited for a moment (DESIGN.md §4, §6).
#include <utility>

#include "engine_context.hpp"
#include "tollgate/process/process_field.hpp"

namespace tollgate {

// How long it was before it was cut nobody says.
static constexpr std::size_t kLongestCopied = 0xffff;

void Engine::ask_owner(FlowIndex index, std::uint32_t arrival, std::optional<std::uint64_t> socket, Time now,
                       Effects& effects) {
  if (!options_.attribution) return;
  const Flow& flow = flows_.at(index);
  owners_.await(flows_.ref(index), now + options_.attribution_deadline);
  effects.look_ups.push_back({flows_.ref(index), flow.tuple, flow.direction, socket, arrival});
}

void Engine::on(const ProcessFound& found, Time now, Effects& effects) {
  const FlowIndex index = flows_.find(found.flow);
  if (index == kNoFlow) return;
  const auto state = found.process ? FlowOwner::State::known : FlowOwner::State::unknown;
  const FlowOwner& before = owners_.at(index);
  const bool hash = found.hash_follows && owners_.waits(index);
  // Reading a large program takes longer than a packet can wait: then the verdict came first.
  const bool hash_is_late = before.process && before.process->sha256.empty() && !owners_.waits(index) &&
                            found.process && !found.process->sha256.empty();
  own(index, {state, found.why, found.process, hash}, now, effects);
  if (hash_is_late && !pending_.waits(index)) reauthorize(index, Cause::completion, now, effects);
}

// Whoever an inbound flow belongs to is asked, and asks nobody.
ProgramKey Engine::program_of(FlowIndex index) {
  if (flows_.at(index).direction == Direction::inbound) return {};
  return program_key(owners_.at(index).process);
}

// A program is its file; of a forwarded flow only the container may be known.
ProgramKey Engine::program_key(const ProcessPointer& process) {
  if (!process) return {};
  const ProcessField field = process->path.empty() ? ProcessField::container : ProcessField::process;
  const std::uint32_t number = programs_.number(text_of(*process, field));
  return {number == NameTable::kNone ? 0 : number + 1};
}

void Engine::on(const NamesCopied& copied, Time now, Effects&) {
  const Parsed<Packet> packet = parse_packet(copied.bytes, kLongestCopied);
  if (!packet) return;
  const FlowIndex index = flows_.find(FlowKey{FiveTuple::of(packet->endpoints)});
  const ProgramKey program = index != kNoFlow ? program_of(index) : program_key(copied.asker);
  observer_.on_copy(*packet, copied.bytes.size() >= packet->length, program, now);
}

// What waited for it goes on: the decision, and what the log was to say.
void Engine::own(FlowIndex index, FlowOwner owner, Time now, Effects& effects) {
  // A hash that comes later finds the name as it is.
  const bool fresh = owners_.at(index).state != FlowOwner::State::known;
  owners_.set(index, std::move(owner));
  if (fresh) observer_.on_owner(flows_.at(index), program_of(index), now);
  if (pending_.waits(index)) {
    const Decision decision = decide_again(evidence(index), now);
    if (const Decided* decided = std::get_if<Decided>(&decision)) release(index, *decided, now, effects);
  } else {
    changed(FlowChanged::Kind::decided, index, effects);
  }
  tell_deferred(index, effects);
}

void Engine::give_up_owners(Time now, Effects& effects) {
  while (const std::optional<FlowIndex> index = owners_.overdue(now)) {
    ++counters_.owners_late;
    FlowOwner owner{FlowOwner::State::unknown, NoProcess::late, nullptr};
    if (owners_.at(*index).hash_awaited) {
      owner = owners_.at(*index);
      owner.hash_awaited = false;
    }
    own(*index, std::move(owner), now, effects);
  }
}

// A record tells whose flow it was: while that is awaited, it waits as well.
void Engine::tell(FlowIndex index, Record entry, Effects& effects) {
  const FlowOwner& owner = owners_.at(index);
  if (owner.state == FlowOwner::State::awaited) {
    deferred_[index].push_back(std::move(entry));
    return;
  }
  entry.process = owner.process;
  effects.records.push_back(std::move(entry));
}

void Engine::tell_deferred(FlowIndex index, Effects& effects) {
  const auto found = deferred_.find(index);
  if (found == deferred_.end()) return;
  for (Record& entry : found->second) {
    entry.process = owners_.at(index).process;
    effects.records.push_back(std::move(entry));
  }
  deferred_.erase(found);
}

}  // namespace tollgate
