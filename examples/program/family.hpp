// SPDX-License-Identifier: Apache-2.0
// Programs of one family do the same for any network. One of them is a few lines: what it is called
// and what it is meant for, which is where it begins when nothing is asked for.
#pragma once

#include <cstdint>
#include <string>

/// What --help says first, and the kind of network whose presets it shows. A configuration that
/// does not tell its kind is taken for one of that.
struct program_words {
  std::string name, what;
  std::string kind;
};

int detect_program(const program_words& words, int count, char** values);
int evaluate_program(const program_words& words, int count, char** values);
int export_program(const program_words& words, int count, char** values);

/// What a run is unless it is asked for something else.
struct training_words : program_words {
  std::string preset;       ///< "": the kind as it stands
  std::string preset_note;  ///< behind the names of the presets
  std::string weights_for;  ///< behind weights.safetensors, where the folder of a run is described
  std::int64_t epochs = 250;
  std::string schedule = "step";
  int size = 640;                ///< 0: as the configuration says
  std::string subset = "train";  ///< of PASCAL VOC
  bool long_side = false;        ///< whether --long-side is offered
  bool figures = false;  ///< whether --subset, --test and --json are, and a run ends with figures
};

int train_program(const training_words& words, int count, char** values);
