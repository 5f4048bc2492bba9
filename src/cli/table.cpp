// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.hpp"

#include <algorithm>
#include <utility>

namespace tollgate::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 6;  // of a column that was cut

bool continues_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

// Select Graphic Rendition (ECMA-48 §8.3.117).
std::string_view code(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::good:
      return "\x1b[32m";
    case Colour::bad:
      return "\x1b[31m";
    case Colour::other:
      return "\x1b[33m";
    case Colour::faint:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::string Page::paint(std::string_view text, Colour with) const {
  if (!colour || with == Colour::none) return std::string{text};
  return std::string{code(with)} + std::string{text} + "\x1b[0m";
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues_code_point(byte); }));
}

std::string cut(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string{text};
  std::size_t end = 0;
  for (std::size_t columns = 0; end < text.size(); ++end) {
    if (!continues_code_point(text[end]) && ++columns == width) break;
  }
  return std::string{text.substr(0, end)} + "…";
}

std::string harmless(std::string_view text) {
  std::string out{text};
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    // C1 controls are two bytes in UTF-8: 0xc2 0x80..0x9f.
    const bool c1 = byte == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0;
    if (c1) out.erase(i + 1, 1);
    if (c1 || byte < 0x20 || byte == 0x7f) out[i] = '?';
  }
  return out;
}

Table::Table(Page& page, std::vector<Column> columns) : page_{page}, columns_{std::move(columns)} {}

void Table::add(std::vector<Cell> row) {
  for (Cell& cell : row) cell.text = harmless(cell.text);
  if (begun_) {
    print(row);
    return;
  }
  sample_.push_back(std::move(row));
  if (sample_.size() == kSample) begin();
}

void Table::finish() {
  if (!begun_) begin();
}

void Table::begin() {
  begun_ = true;
  fit();
  std::vector<Cell> header;
  for (const Column& column : columns_) header.push_back({column.header, Colour::faint});
  print(header);
  for (const auto& row : sample_) print(row);
  sample_.clear();
}

// As wide as what is in them, then the widest that may shrink until the line fits.
void Table::fit() {
  std::size_t line = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = width_of(columns_[i].header);
    for (const auto& row : sample_) widest = std::max(widest, width_of(row[i].text));
    widths_.push_back(widest);
    line += widest + (i == 0 ? 0 : kGap);
  }
  while (page_.width != 0 && line > page_.width) {
    std::size_t chosen = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].shrinks || widths_[i] <= kNarrowest) continue;
      if (chosen == columns_.size() || widths_[i] > widths_[chosen]) chosen = i;
    }
    if (chosen == columns_.size()) break;
    --widths_[chosen];
    --line;
  }
}

void Table::print(const std::vector<Cell>& row) {
  std::string line;
  std::size_t trailing = 0;  // blanks that are only written when something follows
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool may_cut = page_.width != 0 && columns_[i].shrinks;
    const std::string text = may_cut ? cut(row[i].text, widths_[i]) : row[i].text;
    const std::size_t have = width_of(text);
    const std::size_t pad = widths_[i] > have ? widths_[i] - have : 0;
    if (columns_[i].right) trailing += pad;
    if (!text.empty()) {
      line.append(trailing, ' ');
      line += page_.paint(text, row[i].colour);
      trailing = 0;
    }
    if (!columns_[i].right) trailing += pad;
    trailing += kGap;
  }
  page_.out << line << '\n';
}

}  // namespace tollgate::cli
