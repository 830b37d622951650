// SPDX-License-Identifier: Apache-2.0
// How far a training is, for whoever waits for it.
#pragma once

#include "progress.hpp"

#include <retinue/train/log.hpp>
#include <retinue/train/observer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

/// Shows a run to whoever waits for it: a bar on a terminal, of the process that `writes`, and a
/// line for what goes wrong.
class shown_training final : public retinue::training_observer {
 public:
  explicit shown_training(bool writes, std::string title = "train")
      : writes_(writes), title_(std::move(title))
  {
  }

  void began(std::int64_t step, std::int64_t steps) override
  {
    if (writes_)
      bar_.emplace(title_, static_cast<std::size_t>(steps), static_cast<std::size_t>(step));
  }
  void updated(const retinue::log_line& line) override
  {
    if (bar_) bar_->update(static_cast<std::size_t>(line.step + 1), note(line));
  }
  void skipped(const std::string& sentence) override { print("skipped: " + sentence); }
  void warned(const std::string& sentence) override { print(sentence); }
  void validating(std::int64_t) override
  {
    if (bar_) bar_->clear();
  }

 private:
  /// loss 1.234 (box 0.500 label 0.234)  rate 0.001
  static std::string note(const retinue::log_line& line)
  {
    const auto number = [](const char* form, double value) {
      char text[40];
      std::snprintf(text, sizeof text, form, value);
      return std::string(text);
    };
    std::string terms;
    for (const auto& term : line.terms)
      terms += (terms.empty() ? "" : " ") + term.name + number(" %.3f", term.value);
    return "loss" + number(" %.3f", line.total) + " (" + terms + ")  rate" +
           number(" %.2g", line.rate);
  }

  void print(const std::string& sentence)
  {
    if (bar_) bar_->clear();
    std::cerr << sentence << "\n";
  }

  bool writes_;
  std::string title_;
  std::optional<retinue::progress_bar> bar_;
};
