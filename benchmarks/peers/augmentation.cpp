// SPDX-License-Identifier: Apache-2.0
// Each stage of augmentation on one drawn photo, for benchmarks/peers/augmentation.py to compare.
//
//   retinue_peer_augmentation FOLDER
//   out     NAME seconds   a line a stage, the best of many times, on one thread
//   FOLDER  photo, 1024 x 768, 8-bit BGR; photo.boxes (x1 y1 x2 y2) and photo.points (x y) of its
//           faces, in pixels, as plain floats; and of each stage NAME, what it made of the photo
#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>
#include <retinue/data/scenes.hpp>
#include <retinue/error.hpp>
#include <retinue/image/planes.hpp>

#include <opencv2/core.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numbers>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace retinue;

constexpr extent2 photo{768, 1024};
constexpr int side = 640;

/// Of one call, the best of rounds of 20 ms.
template <class Work>
double best_of(Work work)
{
  using clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < 8; ++round) {
    const auto begin = clock::now();
    std::chrono::duration<double> took{};
    int calls = 0;
    for (; took.count() < 0.02; ++calls, took = clock::now() - begin) work();
    best = std::min(best, took.count() / calls);
  }
  return best;
}

class stages {
 public:
  explicit stages(std::filesystem::path folder) : folder_(std::move(folder))
  {
    cv::setNumThreads(1);
    write("photo", drawn_.picture);
    std::vector<float> boxes, points;
    for (const auto& face : drawn_.instances) {
      for (std::size_t c = 0; c < 4; ++c) boxes.push_back(face.bounds[c]);
      for (std::size_t c = 0; c < 10; ++c) points.push_back(face.points[c]);
    }
    write("photo.boxes", boxes);
    write("photo.points", points);
  }

  template <class Transform>
  void one(const std::string& name, const Transform& transform)
  {
    one(name, transform, drawn_.picture);
  }
  template <class Transform>
  void one(const std::string& name, const Transform& transform, const cv::Mat& of)
  {
    cv::Mat to;
    say(name, best_of([&] { apply(transform, of, to); }));
    write(name, to);
  }

  void all()
  {
    one("brightness", colour_change{true, 12.75, 1, 1, 0});
    one("contrast", colour_change{true, 0, 1.2, 1, 0});
    one("both", colour_change{true, 12.75 / 1.2, 1.2, 1, 0});  // contrast is times both
    one("saturation", colour_change{true, 0, 1, 0.8, 0});
    one("hue", colour_change{true, 0, 1, 1, 7});
    one("colours", colour_change{true, 12.75, 1.2, 0.8, 7});
    one("crop", window{.left = 100, .top = 50, .size = {614, 614}});
    one("mirror", mirror{true});
    one("pad", window{.left = 0, .top = 0, .size = {1024, 1024}});
    const cv::Mat square = drawn_.picture(cv::Rect(0, 0, 768, 768)).clone();
    write("square", square);
    constexpr std::array kernels{"linear", "cubic", "area", "nearest", "lanczos"};
    for (std::size_t k = 0; k < kernels.size(); ++k)
      one(kernels[k], resize{{side, side}, static_cast<resize_kernel>(k)}, square);
    cv::Mat small;
    apply(resize{{side, side}, resize_kernel::linear}, square, small);
    write("small", small);
    std::vector<float> planes(3 * side * side);
    say("planes", best_of([&] { to_planes(small, pixel_format{}, planes.data()); }));
    write("planes", planes);
    one("blur", blur{1.5});
    one("noise", noise{8, 1});
    one("jpeg", jpeg{60});
    one("affine", turned());
    one("erase", erase{300, 200, {150, 300}, {104, 117, 123}});
    whole();
    four();
  }

 private:
  static void say(const std::string& name, double seconds)
  {
    std::printf("%s %.9g\n", name.c_str(), seconds);
    std::fflush(stdout);
  }

  /// By 8 degrees and 1.1 times as large, about the middle.
  static affine turned()
  {
    const double angle = 8 * std::numbers::pi / 180, c = 1.1 * std::cos(angle),
                 s = 1.1 * std::sin(angle), x = photo.width / 2., y = photo.height / 2.;
    return {.m = {c, -s, x - c * x + s * y, s, c, y - s * x - c * y}};
  }

  void whole()
  {
    const auto train = retinaface_augmentation(side);
    augmentation_buffers buffers;
    std::vector<float> planes(3 * side * side);
    std::uint64_t index = 0;
    const auto picture = [&] {
      auto faces = drawn_.instances;
      const auto plan = train.draw(keyed_random(1, 0, index++), photo, faces);
      to_planes(apply(plan, drawn_.picture, buffers), pixel_format{}, planes.data());
    };
    say("whole", best_of([&] {
                   for (int i = 0; i < 40; ++i) picture();
                 }) / 40);
  }

  void four()
  {
    const std::array<cv::Mat, 4> pictures{drawn_.picture, drawn_.picture, drawn_.picture,
                                          drawn_.picture};
    keyed_random random(1, 0, 0);
    const auto plan =
        random_mosaic{{2 * side, 2 * side}}.draw(random, {photo, photo, photo, photo});
    cv::Mat to;
    say("mosaic", best_of([&] { apply(plan, std::span<const cv::Mat>(pictures), to); }));
  }

  void write(const std::string& name, const void* bytes, std::size_t count) const
  {
    std::ofstream out(folder_ / name, std::ios::binary);
    out.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
    if (!out) fail((folder_ / name).string(), ": cannot be written");
  }
  void write(const std::string& name, const std::vector<float>& numbers) const
  {
    write(name, numbers.data(), numbers.size() * sizeof(float));
  }
  void write(const std::string& name, const cv::Mat& picture) const
  {
    const cv::Mat whole = picture.clone();
    write(name, whole.data, whole.total() * whole.elemSize());
  }

  std::filesystem::path folder_;
  scene<schemas::face5> drawn_ =
      draw_faces(1, 1, {.size = photo, .least = 8, .most = 8, .largest = 200});
};

}  // namespace

int main(int count, char** values)
try {
  if (count != 2) fail("expected a folder to write to");
  stages(values[1]).all();
} catch (const retinue::error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 2;
}
