// SPDX-License-Identifier: Apache-2.0
// Which of the outputs that a runtime gives is what.
//
//   scores (images, anchors, columns of the label policy)      boxes (images, anchors, 4)
//   points (images, anchors, two for each landmark)            quality (images, anchors, 1)
//
// An output of such a name is that part. Exporters differ in the names and the order of outputs,
// but not in their widths: without names, the one output that is as wide as a part is that part.
#pragma once

#include <retinue/backend/host_memory.hpp>    // in_host_memory
#include <retinue/config/network_config.hpp>  // network_config
#include <retinue/error.hpp>                  // fail
#include <retinue/outputs.hpp>                // outputs
#include <retinue/runtimes/runtime.hpp>       // runtime_array

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retinue {

/// How many columns each part of a network's outputs has; 0: there is no such part.
struct part_widths {
  std::size_t scores = 0;   ///< of the label policy
  std::size_t boxes = 4;    ///< of the coder
  std::size_t points = 0;   ///< two for each landmark
  std::size_t quality = 0;  ///< one, where the labels read it
};

/// Those of a network that a configuration describes.
[[nodiscard]] inline part_widths widths_of(const network_config& config)
{
  return {.scores = config.labels.columns(config.classes.size()),
          .points = 2 * config.landmarks,
          .quality = config.labels.reads_quality() ? std::size_t(1) : 0};
}

/// A part as rows; `values` is null where there is no such part.
struct part_rows {
  std::shared_ptr<const float> values;  ///< row after row, image after image
  std::size_t images = 0;               ///< of the batch
  std::size_t rows = 0;                 ///< of each image: its anchors
  std::size_t columns = 0;              ///< of each row
};

/// The parts of a network's outputs, held.
struct runtime_parts {
  part_rows scores;   ///< as the label policy reads them
  part_rows boxes;    ///< as the coder decodes them
  part_rows points;   ///< the landmarks, likewise
  part_rows quality;  ///< beside the scores

  /// Views of them, as long as they are held.
  template <in_host_memory B>
  [[nodiscard]] outputs<B> view() const
  {
    const auto rows = [](const part_rows& p) -> number_rows {
      if (!p.values) return {};
      return {p.values.get(), table_shape{p.images, p.rows}, p.columns};
    };
    return {.scores = rows(scores),
            .boxes = rows(boxes),
            .points = rows(points),
            .quality = rows(quality)};
  }
};

namespace detail {

[[nodiscard]] inline std::string shape_in_words(const std::vector<std::int64_t>& shape)
{
  std::string words = "(";
  for (std::size_t i = 0; i < shape.size(); ++i)
    words += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return words + ")";
}

/// Finds parts among the outputs for a number of images; `where` begins its messages.
class part_finder {
 public:
  part_finder(std::vector<runtime_array> arrays, std::size_t images, std::string where)
      : arrays_(std::move(arrays)), images_(images), where_(std::move(where))
  {
  }

  [[nodiscard]] part_rows operator()(const char* part, std::size_t columns) const
  {
    if (columns == 0) return {};
    const auto named = std::ranges::find(arrays_, part, &runtime_array::name);
    if (named != arrays_.end()) {
      if (!fits(*named, columns))
        fail(where_, ": its output ", part, " is ", shape_in_words(named->shape), ", expected ",
             expected(columns));
      return rows_of(*named);
    }
    const runtime_array* only = nullptr;
    for (const runtime_array& each : arrays_) {
      const bool another = std::ranges::find(names, each.name) != names.end();
      if (another || !fits(each, columns)) continue;
      if (only) refuse(part, columns, "two of which are");
      only = &each;
    }
    if (!only) refuse(part, columns, "none of which is");
    return rows_of(*only);
  }

 private:
  static constexpr std::array<std::string_view, 4> names{"scores", "boxes", "points", "quality"};

  /// The axis of images may be left out where there is one.
  [[nodiscard]] bool fits(const runtime_array& a, std::size_t columns) const
  {
    const std::size_t rank = a.shape.size();
    if (rank != 3 && !(rank == 2 && images_ == 1)) return false;
    if (rank == 3 && a.shape[0] != static_cast<std::int64_t>(images_)) return false;
    return a.shape.back() == static_cast<std::int64_t>(columns) && a.shape[rank - 2] > 0;
  }
  [[nodiscard]] part_rows rows_of(const runtime_array& a) const
  {
    return {a.values, images_, static_cast<std::size_t>(a.shape[a.shape.size() - 2]),
            static_cast<std::size_t>(a.shape.back())};
  }
  [[nodiscard]] std::string expected(std::size_t columns) const
  {
    return "(" + std::to_string(images_) + ", anchors, " + std::to_string(columns) + ")";
  }
  [[noreturn]] void refuse(const char* part, std::size_t columns, const char* why) const
  {
    std::string all;
    for (const runtime_array& each : arrays_)
      all += (all.empty() ? "" : ", ") + each.name + " " + shape_in_words(each.shape);
    fail(where_, ": its outputs are ", all, ", ", why, " ", expected(columns), " for ", part);
  }

  std::vector<runtime_array> arrays_;
  std::size_t images_;
  std::string where_;
};

}  // namespace detail

/// The parts that a network must give among the outputs that it gave. `where` begins a message.
/// Throws, and names the outputs and their shapes, where one is missing or of another shape.
[[nodiscard]] inline runtime_parts find_parts(std::vector<runtime_array> outputs,
                                              const part_widths& widths, std::size_t images,
                                              const std::string& where)
{
  const detail::part_finder find(std::move(outputs), images, where);
  return {find("scores", widths.scores), find("boxes", widths.boxes), find("points", widths.points),
          find("quality", widths.quality)};
}

}  // namespace retinue
