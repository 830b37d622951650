// SPDX-License-Identifier: Apache-2.0
// Reads COCO's JSON: the truth (images, annotations, categories), and results as a list of
// {"image_id", "category_id", "bbox": [x, y, w, h], "score"}. Throws `error_in_text` by file, line,
// column and key.
#pragma once

#include <retinue/detail/json_text.hpp>  // json_place, parse_json, shown
#include <retinue/detail/text.hpp>       // read_text
#include <retinue/error.hpp>             // error
#include <retinue/error_in_text.hpp>     // fail_at
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
#include <memory>
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
/// What is refused of a file, by its path there. A file may be one long line with thousands of bad
/// truths that are left out: the line and the column are looked for where a reading ends.
class coco_refusal : public error {
 public:
  coco_refusal(const std::string& file, std::string path, const std::string& said)
      : error(file + ": " + said), said_(said), path_(std::make_shared<std::string>(path))
  {
  }
  [[nodiscard]] const char* said() const noexcept { return said_.what(); }  ///< without the file
  [[nodiscard]] const std::string& path() const noexcept { return *path_; }

 private:
  error said_;
  std::shared_ptr<const std::string> path_;  // an exception must be copied without a throw
};

/// One object of a list, which knows where it stands.
class coco_entry {
 public:
  /// A value of a file, what messages call it, and its path for json_place. All must outlive this.
  coco_entry(const std::string& file, const nlohmann::json& value, std::string where,
             std::string path)
      : file_(file), value_(value), where_(std::move(where)), path_(std::move(path))
  {
    if (!value.is_object()) refuse("", " is ", shown(value), ", expected an object");
  }

  [[nodiscard]] bool has(const char* key) const { return value_.contains(key); }

  [[nodiscard]] const nlohmann::json& operator[](const char* key) const
  {
    if (!has(key)) refuse("", " has no \"", key, "\"");
    return value_[key];
  }

  [[nodiscard]] double number(const char* key) const { return number_in((*this)[key], key); }

  [[nodiscard]] std::string text(const char* key) const
  {
    const auto& v = (*this)[key];
    if (!v.is_string()) refuse(key, " is ", shown(v), ", expected a text");
    return v.get<std::string>();
  }

  template <class T>
  [[nodiscard]] T id(const char* key) const
  {
    const auto& v = (*this)[key];
    const bool fits = v.is_number_unsigned()  ? std::in_range<T>(v.get<std::uint64_t>())
                      : v.is_number_integer() ? std::in_range<T>(v.get<std::int64_t>())
                                              : false;
    if (!fits)
      refuse(key, " is ", shown(v), ", expected a whole number from ",
             std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max());
    return v.get<T>();
  }

  [[nodiscard]] box<double> bounds() const
  {
    const auto& b = (*this)["bbox"];
    if (!b.is_array() || b.size() != 4)
      refuse("bbox", " is ", shown(b), ", expected [x, y, width, height]");
    const double x = number_in(b[0], "bbox"), y = number_in(b[1], "bbox");
    const double w = number_in(b[2], "bbox"), h = number_in(b[3], "bbox");
    if (w < 0 || h < 0) refuse("bbox", " is ", shown(b), ", expected no negative side");
    if (!std::isfinite(x + w) || !std::isfinite(y + h))
      refuse("bbox", " is ", shown(b), ", expected corners that are finite");
    return {x, y, x + w, y + h};
  }

  /// Throws for what has that key, or for all of it where that is "".
  template <class... Parts>
  [[noreturn]] void refuse(const std::string& key, const Parts&... parts) const
  {
    const std::string inner = key.empty() ? "" : "." + key;
    throw coco_refusal(
        file_, path_ + inner,
        sentence_of({sentence_part(where_), sentence_part(inner), sentence_part(parts)...}));
  }

 private:
  [[nodiscard]] double number_in(const nlohmann::json& v, const char* key) const
  {
    if (!v.is_number() || !std::isfinite(v.get<double>()))
      refuse(key, " has ", shown(v), ", expected a finite number");
    return v.get<double>();
  }

  const std::string& file_;
  const nlohmann::json& value_;
  std::string where_, path_;
};

/// A file in memory, and the JSON that it is.
class coco_file {
 public:
  coco_file(const std::filesystem::path& file, text_decoder decode)
      : name_(file.string()),
        text_(read_text(file, decode)),
        whole_(parse_json<nlohmann::json>(text_, name_))
  {
  }

  /// Calls read(), and tells the place of what that refuses.
  template <class Read>
  void placed(Read read) const
  {
    try {
      read();
    } catch (const coco_refusal& e) {
      fail_at(text_, json_place(text_, e.path()), name_, e.said());
    }
  }

  /// Calls visit(coco_entry) for each object of a list.
  template <class Visit>
  void for_each_in(const char* list, Visit visit) const
  {
    for_each_of(coco_entry(name_, *whole_, "the whole", "")[list], list, list, visit);
  }
  /// The same where the whole is a list.
  template <class Visit>
  void for_each(const char* title, Visit visit) const
  {
    for_each_of(*whole_, title, "", visit);
  }

 private:
  template <class Visit>
  void for_each_of(const nlohmann::json& list, const std::string& title, const std::string& path,
                   Visit visit) const
  {
    if (!list.is_array())
      throw coco_refusal(name_, path, title + " is " + shown(list) + ", expected a list");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = "[" + std::to_string(i) + "]";
      visit(coco_entry(name_, list[i], title + place, path + place));
    }
  }

  std::string name_, text_;
  json_tree<nlohmann::json> whole_;
};
}  // namespace detail

/// An annotation without `area` has that of its box.
[[nodiscard]] inline coco_set read_coco_truth(const std::filesystem::path& file,
                                              text_decoder decode = refuse_packed)
{
  const detail::coco_file source(file, decode);
  coco_set set;
  source.placed([&] {
    source.for_each_in("images", [&](const detail::coco_entry& e) {
      const auto id = e.id<std::int64_t>("id");
      if (!set.images.try_emplace(id).second) e.refuse("", " has the id ", id, " of another image");
    });
    source.for_each_in("categories", [&](const detail::coco_entry& e) {
      set.categories[e.id<std::int32_t>("id")] = e.text("name");
    });
    source.for_each_in("annotations", [&](const detail::coco_entry& e) {
      const auto image = set.images.find(e.id<std::int64_t>("image_id"));
      if (image == set.images.end()) e.refuse("image_id", " is that of no image");
      coco_truth truth{.bounds = e.bounds(), .label = e.id<std::int32_t>("category_id")};
      if (!set.categories.contains(truth.label)) e.refuse("category_id", " is that of no category");
      truth.ignore = e.has("iscrowd") && e.number("iscrowd") != 0;
      truth.area = e.has("area") ? e.number("area") : area(truth.bounds);
      image->second.truths.push_back(truth);
    });
  });
  return set;
}

/// Puts results beside the truth, whose images and categories they must have.
inline void read_coco_detections(const std::filesystem::path& file, coco_set& set,
                                 text_decoder decode = refuse_packed)
{
  const detail::coco_file source(file, decode);
  source.placed([&] {
    source.for_each("results", [&](const detail::coco_entry& e) {
      const auto image = set.images.find(e.id<std::int64_t>("image_id"));
      if (image == set.images.end()) e.refuse("image_id", " is that of no image of the truth");
      const coco_detection d{e.bounds(), e.number("score"), e.id<std::int32_t>("category_id")};
      if (!set.categories.contains(d.label)) e.refuse("category_id", " is that of no category");
      image->second.detections.push_back(d);
    });
  });
}

}  // namespace retinue
