// SPDX-License-Identifier: Apache-2.0
// What every reader gives: pictures by path, and the labelled objects in each.
//
// A truth that cannot be learnt from (no width, no number where one belongs) is refused by file and
// line; or it is left out, and its sentence kept, where the caller says so.
#pragma once

#include <retinue/detail/text.hpp>  // text_decoder
#include <retinue/error.hpp>        // error, fail
#include <retinue/geometry.hpp>     // box
#include <retinue/instance.hpp>     // instance

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

namespace retinue {

/// One picture. Pixels of it.
template <landmark_schema Schema>
struct sample {
  std::filesystem::path path;
  std::vector<instance<Schema>> instances;
  /// Square pixels of each object, not of its box, by which COCO sizes it; empty in other forms of
  /// data.
  std::vector<double> areas{};
};

/// Labelled pictures, as a reader gives them.
template <landmark_schema Schema>
struct data_set {
  std::vector<sample<Schema>> samples;  ///< in the order of the file; those without objects too
  std::vector<std::string> classes;     ///< of label 1, 2, ...; empty where the file names none
  std::vector<std::string> skipped;     ///< why each truth that was left out was
};

/// What becomes of a truth that nothing can be learnt from: `error`, or a line in
/// data_set::skipped.
enum class bad_truths { refuse, skip };

/// What readers of labelled pictures have in common.
struct read_options {
  std::filesystem::path images{};  ///< their folder; empty: where that form of data set keeps them
  bad_truths on_bad_truth = bad_truths::refuse;
  text_decoder decode = refuse_packed;  ///< what unpacks a list that is a .gz: gunzip, if need be
};

namespace detail {

/// Runs `read`; what it refuses ends the reading, or is kept in `skipped`.
template <class Read>
void read_truth(bad_truths policy, std::vector<std::string>& skipped, Read read)
{
  try {
    read();
  } catch (const error& e) {
    if (policy == bad_truths::refuse) throw;
    skipped.emplace_back(e.what());
  }
}

/// The corners, once it is certain that there is something between them. `refuse(parts...)` throws.
template <class Refuse>
[[nodiscard]] box<float> truth_box(double x1, double y1, double x2, double y2, Refuse refuse)
{
  const box<float> b{float(x1), float(y1), float(x2), float(y2)};
  if (!std::isfinite(b.x2 - b.x1) || !std::isfinite(b.y2 - b.y1))
    refuse("the box lies beyond what a float can tell");
  if (!(b.x1 < b.x2)) refuse("the box has a width of ", x2 - x1, ", expected more than 0");
  if (!(b.y1 < b.y2)) refuse("the box has a height of ", y2 - y1, ", expected more than 0");
  return b;
}

}  // namespace detail
}  // namespace retinue
