// SPDX-License-Identifier: Apache-2.0
// Reads COCO's JSON: the truth (images, annotations, categories), and results as a list of
// {"image_id", "category_id", "bbox": [x, y, w, h], "score"}. Throws `error` by file and key.
#pragma once

#include <retinue/detail/file.hpp>       // in_quotes
#include <retinue/detail/text.hpp>       // read_text
#include <retinue/error.hpp>             // fail
#include <retinue/formulas/overlap.hpp>  // area
#include <retinue/geometry.hpp>          // box

#include <nlohmann/json.hpp>  // json

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace retinue {

/// A truth of COCO's files.
struct coco_truth {
  box<double> bounds{};    ///< pixels
  std::int32_t label = 1;  ///< category_id
  bool ignore = false;     ///< iscrowd
  double area = 0;         ///< square pixels of the object, which decide its size; not of its box
};

/// A detection of COCO's files. Pixels.
struct coco_detection {
  box<double> bounds{};
  double score = 0;
  std::int32_t label = 1;
};

/// One image: what is in it, and what was found.
struct coco_image {
  std::vector<coco_truth> truths;
  std::vector<coco_detection> detections;
};

/// The images of a truth file, with the results that were read for them.
struct coco_set {
  std::map<std::int64_t, coco_image> images;       ///< by id
  std::map<std::int32_t, std::string> categories;  ///< by id
};

namespace detail {
/// For a message: what is no longer than a line, or what it is. Never looks into lists of lists,
/// which a file may nest deeper than the stack goes.
[[nodiscard]] inline std::string shown(const nlohmann::json& value)
{
  if (value.is_string()) return detail::in_quotes(value.get_ref<const std::string&>());
  if (value.is_primitive()) return value.dump();
  const bool is_list = value.is_array();
  if (is_list && value.size() <= 8 &&
      std::ranges::all_of(value, [](const auto& v) { return v.is_number(); }))
    return value.dump();
  return std::string(is_list ? "a list" : "an object") + " of length " +
         std::to_string(value.size());
}

/// One object of a list, which knows where it stands.
class coco_entry {
 public:
  coco_entry(const nlohmann::json& value, std::string where)
      : value_(value), where_(std::move(where))
  {
    if (!value.is_object()) fail(where_, " is ", value.type_name(), ", expected an object");
  }

  [[nodiscard]] bool has(const char* key) const { return value_.contains(key); }

  [[nodiscard]] const nlohmann::json& operator[](const char* key) const
  {
    if (!has(key)) fail(where_, " has no \"", key, "\"");
    return value_[key];
  }

  [[nodiscard]] double number(const char* key) const { return number_in((*this)[key], key); }

  template <class T>
  [[nodiscard]] T id(const char* key) const
  {
    const auto& v = (*this)[key];
    const bool fits = v.is_number_unsigned()  ? std::in_range<T>(v.get<std::uint64_t>())
                      : v.is_number_integer() ? std::in_range<T>(v.get<std::int64_t>())
                                              : false;
    if (!fits)
      fail(where_, ".", key, " is ", shown(v), ", expected a whole number from ",
           std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max());
    return v.get<T>();
  }

  [[nodiscard]] box<double> bounds() const
  {
    const auto& b = (*this)["bbox"];
    if (!b.is_array() || b.size() != 4)
      fail(where_, ".bbox is ", shown(b), ", expected [x, y, width, height]");
    const double x = number_in(b[0], "bbox"), y = number_in(b[1], "bbox");
    const double w = number_in(b[2], "bbox"), h = number_in(b[3], "bbox");
    if (w < 0 || h < 0) fail(where_, ".bbox is ", shown(b), ", expected no negative side");
    if (!std::isfinite(x + w) || !std::isfinite(y + h))
      fail(where_, ".bbox is ", shown(b), ", expected corners that are finite");
    return {x, y, x + w, y + h};
  }

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const
  {
    fail(where_, parts...);
  }

 private:
  [[nodiscard]] double number_in(const nlohmann::json& v, const char* key) const
  {
    if (!v.is_number() || !std::isfinite(v.get<double>()))
      fail(where_, ".", key, " has ", shown(v), ", expected a finite number");
    return v.get<double>();
  }

  const nlohmann::json& value_;
  std::string where_;
};

[[nodiscard]] inline nlohmann::json read_json(const std::filesystem::path& file,
                                              text_decoder decode)
{
  try {
    return nlohmann::json::parse(read_text(file, decode));
  } catch (const nlohmann::json::exception& e) {  // 1e999 is no parse_error
    fail(file.string(), ": not JSON: ", e.what());
  }
}

/// Calls visit(coco_entry) for each object of a list.
template <class Visit>
void for_each_entry(const nlohmann::json& list, const std::string& where, Visit visit)
{
  if (!list.is_array()) fail(where, " is ", list.type_name(), ", expected a list");
  for (std::size_t i = 0; i < list.size(); ++i)
    visit(coco_entry(list[i], where + "[" + std::to_string(i) + "]"));
}
}  // namespace detail

/// An annotation without `area` has that of its box.
[[nodiscard]] inline coco_set read_coco_truth(const std::filesystem::path& file,
                                              text_decoder decode = refuse_packed)
{
  const nlohmann::json json = detail::read_json(file, decode);
  const std::string name = file.string() + ": ";
  const detail::coco_entry all(json, name + "the whole");
  coco_set set;
  detail::for_each_entry(all["images"], name + "images", [&](const detail::coco_entry& e) {
    const auto id = e.id<std::int64_t>("id");
    if (!set.images.try_emplace(id).second) e.refuse(" has the id ", id, " of another image");
  });
  detail::for_each_entry(all["categories"], name + "categories", [&](const detail::coco_entry& e) {
    const auto& title = e["name"];
    if (!title.is_string()) e.refuse(".name is ", detail::shown(title), ", expected a text");
    set.categories[e.id<std::int32_t>("id")] = title.get<std::string>();
  });
  detail::for_each_entry(
      all["annotations"], name + "annotations", [&](const detail::coco_entry& e) {
        const auto image = set.images.find(e.id<std::int64_t>("image_id"));
        if (image == set.images.end()) e.refuse(".image_id is that of no image");
        coco_truth truth{.bounds = e.bounds(), .label = e.id<std::int32_t>("category_id")};
        if (!set.categories.contains(truth.label)) e.refuse(".category_id is that of no category");
        truth.ignore = e.has("iscrowd") && e.number("iscrowd") != 0;
        truth.area = e.has("area") ? e.number("area") : area(truth.bounds);
        image->second.truths.push_back(truth);
      });
  return set;
}

/// Puts results beside the truth, whose images and categories they must have.
inline void read_coco_detections(const std::filesystem::path& file, coco_set& set,
                                 text_decoder decode = refuse_packed)
{
  const nlohmann::json json = detail::read_json(file, decode);
  detail::for_each_entry(json, file.string() + ": results", [&](const detail::coco_entry& e) {
    const auto image = set.images.find(e.id<std::int64_t>("image_id"));
    if (image == set.images.end()) e.refuse(".image_id is that of no image of the truth");
    const coco_detection d{e.bounds(), e.number("score"), e.id<std::int32_t>("category_id")};
    if (!set.categories.contains(d.label)) e.refuse(".category_id is that of no category");
    image->second.detections.push_back(d);
  });
}

}  // namespace retinue
