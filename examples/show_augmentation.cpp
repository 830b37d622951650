// SPDX-License-Identifier: Apache-2.0
// Shows what augmentation makes of a data set: a sheet of samples with their boxes and landmarks.
//
//   show_augmentation --data label.txt --out sheet.png
//   show_augmentation --data VOC2007 --landmarks 0 --policy ssd --out sheet.png
//   show_augmentation --data faces/train --policy scrfd --augment mosaic,paste --out sheet.png
//   show_augmentation --data synthetic --policy none --out scenes.png
//
// The same seed gives the same sheet.
#include "program/augmentation.hpp"
#include "program/data.hpp"
#include "program/decoding.hpp"
#include "program/main.hpp"
#include "program/numbers.hpp"
#include "program/written.hpp"

#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>
#include <retinue/data/pictures.hpp>
#include <retinue/error.hpp>
#include <retinue/image/drawing.hpp>
#include <retinue/image/files.hpp>
#include <retinue/landmarks.hpp>

#include <CLI/CLI.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace retinue;

namespace {

struct arguments {
  data_argument data;
  std::string policy = "retinaface";
  augmentation_argument more;
  std::filesystem::path out;
  std::size_t landmarks = 5;
  int columns = 6, rows = 4, size = 320;
  std::uint64_t seed = 0, epoch = 0;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  a.data.data = synthetic;
  app.add_option("-d,--data", a.data.data, data_help)->check(any_name())->capture_default_str();
  app.add_option("--images", a.data.images, "Folder of the pictures, if it is not the usual one");
  app.add_option("--subset", a.data.subset, "Of a folder of PASCAL VOC's form")
      ->capture_default_str();
  app.add_option("--landmarks", a.landmarks,
                 "Of each object, as the data has them; 0 for plain boxes, and drawn shapes")
      ->capture_default_str();
  app.add_flag("--strict", a.data.strict, "Refuse the data for its first bad truth");
  app.add_option("-o,--out", a.out, "Write the sheet to this picture")
      ->check(any_name())
      ->required();
  app.add_option("-p,--policy", a.policy, "retinaface, scrfd, reference, ssd, affine, or none")
      ->check(CLI::IsMember({"retinaface", "scrfd", "reference", "ssd", "affine", "none"}))
      ->capture_default_str();
  add_augmentation_option(app, a.more.names);
  app.add_option("--columns", a.columns, "Samples side by side")
      ->check(number_in(1, 100))
      ->capture_default_str();
  app.add_option("--rows", a.rows, "Rows of samples")
      ->check(number_in(1, 100))
      ->capture_default_str();
  app.add_option("--size", a.size, "Pixels of a sample's sides")
      ->check(number_in(32, 2048))
      ->capture_default_str();
  app.add_option("--seed", a.seed, "Another seed draws other samples")
      ->check(any_seed())
      ->capture_default_str();
  app.add_option("--epoch", a.epoch, "Another epoch augments the same samples otherwise")
      ->check(any_seed())
      ->capture_default_str();
  app.footer("Exit codes: 0 the sheet is written, 2 nothing could be done." +
             to_try("show_augmentation --out sheet.png",
                    "show_augmentation --policy ssd --landmarks 0 --out shapes.png"));
  app.parse(count, values);
  refuse_idle(app, "--subset", is_voc(a.data.data), "a folder of PASCAL VOC's form");
  a.data.scenes = static_cast<std::size_t>(a.rows * a.columns);
  a.data.seed = a.seed;
  a.data.side = std::max(64, a.size);
  return a;
}

template <landmark_schema Schema, class Pipeline>
cv::Mat sheet(const arguments& a, const picture_set<Schema>& set, const Pipeline& pipeline)
{
  const auto policy = degraded_as_asked(pipeline, a.more);
  cv::Mat all(a.rows * a.size, a.columns * a.size, CV_8UC3, cv::Scalar::all(0));
  augmentation_buffers buffers;
  for (int at = 0; at < a.rows * a.columns; ++at) {
    auto from = [&] {
      const quiet_decoding quiet;
      return set.read(a.epoch, static_cast<std::size_t>(at) % set.count);
    }();
    const auto plan = policy.draw(keyed_random(a.seed, a.epoch, static_cast<std::uint64_t>(at)),
                                  extent2{from.picture.rows, from.picture.cols}, from.instances);
    cv::Mat cell = all(cv::Rect(at % a.columns * a.size, at / a.columns * a.size, a.size, a.size));
    apply(plan, from.picture, buffers).copyTo(cell);
    draw(cell, std::span<const instance<Schema>>(from.instances));
  }
  return all;
}

template <landmark_schema Schema>
cv::Mat sheet(const arguments& a)
{
  auto set = open_pictures<Schema>(a.data);
  std::vector<std::filesystem::path> read = set.files;
  read.push_back(a.data.data);
  check_written(read, std::vector<written_file>{{"--out", a.out}});
  check_image_ending(a.out);
  if (set.count == 0) fail(a.data.data, ": there are no pictures to show");
  if (a.more.has("zoom-out") && a.policy != "retinaface" && a.policy != "scrfd")
    fail("--augment zoom-out is of the crops of --policy retinaface, and ", a.policy,
         " has none of them");
  set.read = [first = std::move(set.read)](std::uint64_t, std::size_t i) { return first(0, i); };
  set = mixed_as_asked(std::move(set), a.more, a.size, a.seed);
  const auto with = [&](const auto& policy) { return sheet(a, set, policy); };
  const random_resize last{{a.size, a.size}};
  if (a.policy == "scrfd" || a.more.has("zoom-out")) return with(scrfd_augmentation(a.size));
  if (a.policy == "retinaface") return with(retinaface_augmentation(a.size));
  if (a.policy == "reference") return with(reference_retinaface_augmentation(a.size));
  if (a.policy == "ssd") return with(ssd_augmentation(a.size));
  if (a.policy == "affine")
    return with(augmentation{pad_to_square{}, random_affine{}, random_erase{}, last});
  return with(augmentation{pad_to_square{}, last});
}

cv::Mat make(const arguments& a)
{
  cv::Mat made;
  if (!with_schema_of(a.landmarks, [&]<class Schema>(Schema) { made = sheet<Schema>(a); }))
    fail("--landmarks ", a.landmarks, ": this program is compiled for ",
         counts_of(schemas::shipped{}));
  return made;
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Draws a sheet of augmented samples with their boxes and landmarks.",
               "show_augmentation");
  return run_program(app, [&] {
    const arguments a = parse(app, count, values);
    write_image(a.out, make(a));
    std::cout << retinue::detail::printable(a.out.string()) << ": " << a.rows * a.columns
              << " samples, policy " << a.policy << ", seed " << a.seed << "\n";
    return 0;
  });
}
