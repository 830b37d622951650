// SPDX-License-Identifier: Apache-2.0
// Shows what augmentation makes of a data set: a sheet of samples with their boxes and landmarks.
//
//   show_augmentation --data label.txt --out sheet.png
//   show_augmentation --data synthetic --policy none --out scenes.png
//
// The same seed gives the same sheet.
#include "program/main.hpp"

#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>
#include <retinue/data/retinaface_labels.hpp>
#include <retinue/data/scenes.hpp>
#include <retinue/error.hpp>
#include <retinue/io/drawing.hpp>
#include <retinue/io/images.hpp>

#include <CLI/CLI.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace retinue;

namespace {

struct arguments {
  std::string data = "synthetic", policy = "retinaface";
  std::filesystem::path out;
  int columns = 6, rows = 4, size = 320;
  std::uint64_t seed = 0, epoch = 0;
};

arguments parse(CLI::App& app, int count, char** values)
{
  arguments a;
  app.add_option("-d,--data", a.data,
                 "A label.txt, or synthetic (faces) or shapes, which are drawn")
      ->capture_default_str();
  app.add_option("-o,--out", a.out, "Write the sheet to this picture")->required();
  app.add_option("-p,--policy", a.policy, "retinaface, reference, ssd, affine, or none")
      ->check(CLI::IsMember({"retinaface", "reference", "ssd", "affine", "none"}))
      ->capture_default_str();
  app.add_option("--columns", a.columns, "Samples side by side")->check(CLI::Range(1, 100));
  app.add_option("--rows", a.rows, "Rows of samples")->check(CLI::Range(1, 100));
  app.add_option("--size", a.size, "Pixels of a sample's sides")->check(CLI::Range(32, 2048));
  app.add_option("--seed", a.seed, "Another seed draws other samples");
  app.add_option("--epoch", a.epoch, "Another epoch augments the same samples otherwise");
  app.parse(count, values);
  return a;
}

/// `sample_at(i)` gives a picture and its instances; there are `count` of them.
template <class Policy, class SampleAt>
cv::Mat sheet(const arguments& a, const Policy& policy, std::size_t count, SampleAt sample_at)
{
  cv::Mat all(a.rows * a.size, a.columns * a.size, CV_8UC3, cv::Scalar::all(0));
  augmentation_buffers buffers;
  for (int at = 0; at < a.rows * a.columns; ++at) {
    const auto index = static_cast<std::size_t>(at) % count;
    auto [picture, instances] = sample_at(index);
    const auto plan = policy.draw(keyed_random(a.seed, a.epoch, static_cast<std::uint64_t>(at)),
                                  extent2{picture.rows, picture.cols}, instances);
    cv::Mat cell = all(cv::Rect(at % a.columns * a.size, at / a.columns * a.size, a.size, a.size));
    apply(plan, picture, buffers).copyTo(cell);
    draw(cell, std::span<const typename decltype(instances)::value_type>(instances));
  }
  return all;
}

template <class SampleAt>
cv::Mat sheet_of(const arguments& a, std::size_t count, SampleAt sample_at)
{
  const auto with = [&](const auto& policy) { return sheet(a, policy, count, sample_at); };
  const random_resize last{{a.size, a.size}};
  if (a.policy == "retinaface") return with(retinaface_augmentation(a.size));
  if (a.policy == "reference") return with(reference_retinaface_augmentation(a.size));
  if (a.policy == "ssd") return with(ssd_augmentation(a.size));
  if (a.policy == "affine")
    return with(augmentation{pad_to_square{}, random_affine{}, random_erase{}, last});
  return with(augmentation{pad_to_square{}, last});
}

cv::Mat make(const arguments& a)
{
  const scene_options scenes{.size = {std::max(64, a.size), std::max(64, a.size)}};
  const auto shown = static_cast<std::size_t>(a.rows * a.columns);
  if (a.data == "synthetic")
    return sheet_of(a, shown, [&](std::size_t i) { return draw_faces(a.seed, i, scenes); });
  if (a.data == "shapes")
    return sheet_of(a, shown, [&](std::size_t i) { return draw_shapes(a.seed, i, scenes); });
  const auto set = read_retinaface_labels<schemas::face5>(
      a.data, {.images = {}, .on_bad_truth = bad_truths::skip});
  for (const auto& why : set.skipped) std::cerr << "skipped: " << why << "\n";
  return sheet_of(a, set.samples.size(), [&](std::size_t i) {
    return scene<schemas::face5>{read_image(set.samples[i].path), set.samples[i].instances};
  });
}

}  // namespace

int main(int count, char** values)
{
  CLI::App app("Draws a sheet of augmented samples with their boxes and landmarks.",
               "show_augmentation");
  return run_program(app, [&] {
    const arguments a = parse(app, count, values);
    write_image(a.out, make(a));
    std::cout << a.out.string() << ": " << a.rows * a.columns << " samples, policy " << a.policy
              << ", seed " << a.seed << "\n";
    return 0;
  });
}
