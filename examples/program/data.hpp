// SPDX-License-Identifier: Apache-2.0
// What --data may name, and how it is opened:
//
//   synthetic                   scenes drawn on demand: faces with 5 landmarks, or shapes
//   FOLDER with label.txt       RetinaFace's labels; so is a file that begins with #
//   FOLDER with Annotations/    PASCAL VOC, the pictures of --subset
//   FILE.json, FILE.json.gz     COCO
//   FILE.xml                    imglab
//   FILE                        another list: WFLW
#pragma once

#include "synthetic.hpp"
#include "written.hpp"

#include <retinue/data/coco_annotations.hpp>
#include <retinue/data/gzip.hpp>  // gunzip: labels may be packed
#include <retinue/data/imglab.hpp>
#include <retinue/data/pictures.hpp>
#include <retinue/data/retinaface_labels.hpp>
#include <retinue/data/voc_annotations.hpp>
#include <retinue/data/wflw.hpp>
#include <retinue/detail/file.hpp>
#include <retinue/error.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

struct data_argument {
  std::string data;
  std::filesystem::path images;  ///< empty: where that form of data set keeps them
  std::string subset = "train";  ///< of PASCAL VOC
  bool strict = false;           ///< refuse a data set for its first bad truth
  std::size_t scenes = 1024;     ///< how many are drawn
  std::uint64_t seed = 1;        ///< of what is drawn
  int side = 320;                ///< pixels of a drawn scene
};

inline constexpr const char* data_help =
    "RetinaFace's label.txt or a folder with one; a folder of PASCAL VOC's form; COCO's .json; "
    "imglab's .xml; WFLW's list; or 'synthetic', which draws its own";

/// Whether that is a folder of PASCAL VOC's form.
[[nodiscard]] inline bool is_voc(const std::filesystem::path& data)
{
  using retinue::detail::status_of;
  return std::filesystem::is_directory(status_of(data / "Annotations")) &&
         !std::filesystem::exists(status_of(data / "label.txt"));
}

/// The labels of a data set that lies in files.
template <retinue::landmark_schema Schema>
[[nodiscard]] retinue::data_set<Schema> read_data(const data_argument& a)
{
  using namespace retinue;
  const std::filesystem::path path = a.data;
  const read_options how{.images = a.images,
                         .on_bad_truth = a.strict ? bad_truths::refuse : bad_truths::skip,
                         .decode = gunzip};
  if (std::filesystem::is_directory(retinue::detail::status_of(path))) {
    if (std::filesystem::exists(retinue::detail::status_of(path / "label.txt")))
      return read_retinaface_labels<Schema>(path / "label.txt", how);
    if (!std::filesystem::is_directory(retinue::detail::status_of(path / "Annotations")))
      fail(a.data, ": a folder with neither label.txt nor Annotations/ in it");
    if constexpr (std::same_as<Schema, schemas::none>) {
      voc_options voc;
      static_cast<read_options&>(voc) = how;
      return read_voc(path, a.subset, voc);
    } else {
      fail(a.data, ": PASCAL VOC has plain boxes, expected ", Schema::count, " landmarks");
    }
  }
  const std::string form = ending_of(path.extension() == ".gz" ? path.stem() : path);
  if (form == ".json") return read_coco<Schema>(path, how);
  if (form == ".xml" && path.extension() == ".gz")
    fail(a.data, ": imglab's XML is not read packed, expected it unpacked");
  if (form == ".xml") return read_imglab<Schema>(path, how);
  if (const auto first = retinue::detail::read_text(path, gunzip);
      first.find_first_not_of(" \t\r\n") == first.find('#'))
    return read_retinaface_labels<Schema>(path, how);
  if constexpr (std::same_as<Schema, schemas::wflw98>)
    return read_wflw(path, how);
  else
    fail(a.data,
         ": a list that does not begin with # is taken for WFLW, which has 98 landmarks, "
         "expected ",
         Schema::count);
}

/// Tells on the standard error stream how many truths were left out, and why the first was.
inline void tell_left_out(const std::string& data, const std::vector<std::string>& skipped)
{
  if (!skipped.empty())
    std::cerr << retinue::detail::printable(data) << ": " << skipped.size()
              << " truths are left out; the first: " << skipped[0] << "\n";
}

/// Tells which landmarks no truth has, as where data of 5 are given to a network of 68: nothing is
/// learnt or measured of them.
template <retinue::landmark_schema Schema>
void tell_missing_landmarks(const std::string& data, const retinue::data_set<Schema>& labels)
{
  std::array<bool, Schema::count> seen{};
  for (const auto& sample : labels.samples)
    for (const auto& truth : sample.instances)
      for (std::size_t k = 0; k < Schema::count; ++k) seen[k] |= truth.visible[k];
  const auto missing = std::ranges::count(seen, false);
  if (missing == 0) return;
  const auto first = std::ranges::find(seen, false) - seen.begin();
  std::cerr << retinue::detail::printable(data) << ": no truth has " << missing << " of the "
            << Schema::count << " landmarks that the network has, the first of them number "
            << first << "\n";
}

/// The pictures; what is left out is told. Throws where all truths would be.
template <retinue::landmark_schema Schema>
[[nodiscard]] retinue::picture_set<Schema> open_pictures(const data_argument& a)
{
  using namespace retinue;
  if (a.data == synthetic) {
    if (!a.images.empty())
      fail("--images ", a.images.string(), ": drawn scenes have no folder of pictures");
    if constexpr (std::same_as<Schema, schemas::face5>)
      return drawn_faces(a.seed, a.scenes, a.side);
    else if constexpr (std::same_as<Schema, schemas::none>)
      return drawn_shapes(a.seed, a.scenes, a.side);
    else
      fail("drawn scenes have 5 landmarks (faces) or none (shapes), expected ", Schema::count);
  }
  auto labels = read_data<Schema>(a);
  if (!labels.skipped.empty() &&
      std::ranges::all_of(labels.samples, [](const auto& of) { return of.instances.empty(); }))
    fail(a.data, ": all ", labels.skipped.size(),
         " truths would be left out; the first: ", labels.skipped[0]);
  if constexpr (Schema::count > 0) tell_missing_landmarks(a.data, labels);
  auto set = pictures_of(std::move(labels));
  tell_left_out(a.data, set.skipped);
  return set;
}

/// The same pictures with the labels of `classes`: data without one of them number the rest
/// otherwise. One class is another's equal, whatever both are called.
template <retinue::landmark_schema Schema>
[[nodiscard]] retinue::picture_set<Schema> with_labels_of(const std::vector<std::string>& classes,
                                                          retinue::picture_set<Schema> set,
                                                          const std::string& data)
{
  if (set.classes.empty() && classes.size() > 1)
    retinue::fail(data, ": its truths have no classes, the network has ", classes.size());
  if (set.classes.empty() || set.classes == classes) return set;
  if (set.classes.size() == 1 && classes.size() == 1) return set;
  std::vector<std::int32_t> labels;
  for (const std::string& name : set.classes) {
    const auto at = std::ranges::find(classes, name);
    if (at == classes.end())
      retinue::fail(data, ": the network has no class ", retinue::detail::in_quotes(name));
    labels.push_back(static_cast<std::int32_t>(at - classes.begin()) + 1);
  }
  set.read = [read = std::move(set.read), labels](std::uint64_t epoch, std::size_t i) {
    auto from = read(epoch, i);
    for (auto& truth : from.instances)
      truth.label = labels[static_cast<std::size_t>(truth.label - 1)];
    return from;
  };
  set.classes = classes;
  return set;
}
