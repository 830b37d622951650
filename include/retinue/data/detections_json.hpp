// SPDX-License-Identifier: Apache-2.0
// Detections as JSON: a list with one object for each image, in pixels of the original picture,
// best first.
//
//   [{"image": "a.jpg", "width": 640, "height": 480, "detections": [
//       {"box": [x1, y1, x2, y2], "score": 0.9, "class": "face", "landmarks": [[x, y], ...]}]}]
//
// Numbers are the shortest that read back as the same float.
#pragma once

#include <retinue/detail/file.hpp>  // write_text
#include <retinue/detection.hpp>    // detection
#include <retinue/error.hpp>        // fail
#include <retinue/geometry.hpp>     // extent2

#include <nlohmann/json.hpp>  // ordered_json: keys stay in the order of the form above

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace retinue {

namespace detail {
/// The double of the fewest digits that names the float v, so that 0.1f is written as 0.1.
[[nodiscard]] inline double shortest(float v)
{
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), v).ptr;
  double named = 0;
  std::from_chars(digits.data(), end, named);
  return named;
}
}  // namespace detail

/// Whether JSON can say all of its numbers.
template <landmark_schema Schema>
[[nodiscard]] bool is_finite(const detection<Schema>& d)
{
  const auto all = [](const auto& numbers) {
    return std::all_of(std::begin(numbers), std::end(numbers),
                       [](float v) { return std::isfinite(v); });
  };
  const box<float>& b = d.bounds;
  return all(std::array{b.x1, b.y1, b.x2, b.y2, d.score}) &&
         std::all_of(d.points.points.begin(), d.points.points.end(), all);
}

/// One image's part of the list. The class of label k is written as class_names[k - 1], or as k
/// where there are no names. Throws `error` for a label without a name and for a number that is
/// not finite, which JSON cannot say: is_finite() tells whom to leave out.
template <landmark_schema Schema>
[[nodiscard]] nlohmann::ordered_json to_json(std::string_view image, extent2 size,
                                             std::span<const detection<Schema>> found,
                                             std::span<const std::string_view> class_names = {})
{
  const auto number = [&](float v) {
    if (!std::isfinite(v))
      fail(image, ": a detection has the number ", v, ", expected finite ones");
    return detail::shortest(v);
  };
  auto detections = nlohmann::ordered_json::array();
  for (const detection<Schema>& d : found) {
    nlohmann::ordered_json one = nlohmann::ordered_json::object();
    const box<float>& b = d.bounds;
    one["box"] = {number(b.x1), number(b.y1), number(b.x2), number(b.y2)};
    one["score"] = number(d.score);
    if (class_names.empty())
      one["class"] = d.label;
    else if (d.label < 1 || static_cast<std::size_t>(d.label) > class_names.size())
      fail(image, ": a detection has the label ", d.label, ", expected 1 to ", class_names.size());
    else
      one["class"] = class_names[static_cast<std::size_t>(d.label) - 1];
    auto& landmarks = one["landmarks"] = nlohmann::ordered_json::array();
    for (const auto& point : d.points.points) {
      auto coordinates = nlohmann::ordered_json::array();
      for (const float v : point) coordinates.push_back(number(v));
      landmarks.push_back(std::move(coordinates));
    }
    detections.push_back(std::move(one));
  }
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  all["image"] = image;
  all["width"] = size.width;
  all["height"] = size.height;
  all["detections"] = std::move(detections);
  return all;
}

/// The list as text, an image a line. Bytes of a file name that are not UTF-8 become U+FFFD.
[[nodiscard]] inline std::string to_text(std::span<const nlohmann::ordered_json> images)
{
  std::string text = "[";
  for (std::size_t i = 0; i < images.size(); ++i) {
    text += i == 0 ? "\n" : ",\n";
    text += images[i].dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  }
  return text + "\n]\n";
}

/// Writes the list, whole or not at all. Throws where it cannot be written.
inline void write_detections(const std::filesystem::path& file,
                             std::span<const nlohmann::ordered_json> images)
{
  write_text(file, to_text(images));
}

}  // namespace retinue
