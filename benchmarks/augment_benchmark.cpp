// SPDX-License-Identifier: Apache-2.0
// Each stage of RetinaFace's augmentation, from a photo of 1024 x 768 to 640, with the same draws:
// ours, and a plain port of the reference's NumPy, which computes in doubles and copies as it does.
#include <benchmark/benchmark.h>
#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>
#include <retinue/data/scenes.hpp>
#include <retinue/image/planes.hpp>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace retinue;

constexpr extent2 photo{768, 1024};
constexpr int side = 640;

const scene<schemas::face5>& sample()
{
  static const auto drawn =
      draw_faces(1, 1, {.size = photo, .least = 8, .most = 8, .largest = 200});
  return drawn;
}

/// image[:] = clip(image.astype(float) * alpha + beta), of one channel or of all.
void reference_convert(cv::Mat& image, int channel, double alpha, double beta)
{
  cv::Mat part = image;
  if (channel >= 0) cv::extractChannel(image, part, channel);
  cv::Mat values;
  part.convertTo(values, CV_64F);
  values *= alpha;
  values += cv::Scalar::all(beta);
  cv::max(values, 0, values);
  cv::min(values, 255, values);
  cv::Mat whole(part.size(), part.type());
  const int numbers = part.cols * part.channels();
  for (int y = 0; y < part.rows; ++y)
    for (int i = 0; i < numbers; ++i)  // NumPy truncates, OpenCV rounds
      whole.ptr(y)[i] = static_cast<std::uint8_t>(values.ptr<double>(y)[i]);
  if (channel >= 0)
    cv::insertChannel(whole, image, channel);
  else
    whole.copyTo(image);
}

cv::Mat reference_distort(const cv::Mat& from, const colour_change& c)
{
  cv::Mat image = from.clone();
  const auto contrast = [&] {
    if (c.contrast != 1) reference_convert(image, -1, c.contrast, 0);
  };
  if (c.brightness != 0) reference_convert(image, -1, 1, c.brightness);
  if (c.contrast_first) contrast();
  cv::cvtColor(image, image, cv::COLOR_BGR2HSV);
  if (c.saturation != 1) reference_convert(image, 1, c.saturation, 0);
  if (c.hue != 0) {
    cv::Mat hue, moved;
    cv::extractChannel(image, hue, 0);
    hue.convertTo(moved, CV_32S);
    moved += cv::Scalar::all(c.hue);
    for (int y = 0; y < moved.rows; ++y)
      for (int x = 0; x < moved.cols; ++x)
        hue.at<std::uint8_t>(y, x) =
            static_cast<std::uint8_t>((moved.at<std::int32_t>(y, x) % 180 + 180) % 180);
    cv::insertChannel(hue, image, 0);
  }
  cv::cvtColor(image, image, cv::COLOR_HSV2BGR);
  if (!c.contrast_first) contrast();
  return image;
}

cv::Mat reference_pad(const cv::Mat& image)
{
  const int longest = std::max(image.rows, image.cols);
  if (image.rows == image.cols) return image;
  cv::Mat square(longest, longest, CV_8UC3, cv::Scalar(104, 117, 123));
  image.copyTo(square(cv::Rect(0, 0, image.cols, image.rows)));
  return square;
}

/// astype(float32), -= mean, /= std, and the copy that parts the channels.
void reference_planes(const cv::Mat& image, float* planes)
{
  cv::Mat values;
  image.convertTo(values, CV_32F);
  values -= cv::Scalar(104, 117, 123);
  values /= cv::Scalar::all(1);
  const auto area = static_cast<std::size_t>(image.rows) * static_cast<std::size_t>(image.cols);
  for (std::size_t c = 0; c < 3; ++c)
    for (int y = 0; y < image.rows; ++y)
      for (int x = 0; x < image.cols; ++x)
        planes[c * area + static_cast<std::size_t>(y * image.cols + x)] =
            values.at<cv::Vec3f>(y, x)[static_cast<int>(c)];
}

cv::Mat reference_resize(const cv::Mat& image, const resize& r)
{
  constexpr std::array kernels{cv::INTER_LINEAR, cv::INTER_CUBIC, cv::INTER_AREA, cv::INTER_NEAREST,
                               cv::INTER_LANCZOS4};
  cv::Mat out;
  cv::resize(image, out, {r.to.width, r.to.height}, 0, 0,
             kernels[static_cast<std::size_t>(r.kernel)]);
  return out;
}

auto plan_of(std::uint64_t index, std::vector<instance<schemas::face5>>& faces)
{
  return retinaface_augmentation(side).draw(keyed_random(1, 0, index), photo, faces);
}

/// One thread for both, or OpenCV's own would be what is compared.
struct alone {
  alone() { cv::setNumThreads(1); }
};

template <class Work>
void repeat(benchmark::State& state, Work work)
{
  const alone one_thread;
  for (auto _ : state) work();
}

const colour_change all_four{true, 12.5, 1.2, 0.8, 7};

void register_all()
{
  const auto bench = [](const char* name, auto work) {
    benchmark::RegisterBenchmark(name, [work](benchmark::State& s) {
      repeat(s, work);
    })->Unit(benchmark::kMicrosecond);
  };
  static std::vector<float> planes(3 * side * side);
  static cv::Mat to;
  static augmentation_buffers buffers;
  static const cv::Mat small = reference_resize(sample().picture, resize{{side, side}, {}});

  bench("colours, all four, 1024x768 | retinue", [] { apply(all_four, sample().picture, to); });
  bench("colours, all four, 1024x768 | reference",
        [] { benchmark::DoNotOptimize(reference_distort(sample().picture, all_four)); });
  static const colour_change light{true, 12.5, 1.2, 1, 0};
  bench("brightness and contrast, 1024x768 | retinue", [] { apply(light, sample().picture, to); });
  bench("brightness and contrast, 1024x768 | reference",
        [] { benchmark::DoNotOptimize(reference_distort(sample().picture, light)); });
  struct named_change {
    const char* name;
    colour_change change;
  };
  static const std::array<named_change, 4> single{{{"brightness, 1024x768", {true, 12.5, 1, 1, 0}},
                                                   {"contrast, 1024x768", {true, 0, 1.2, 1, 0}},
                                                   {"saturation, 1024x768", {true, 0, 1, 0.8, 0}},
                                                   {"hue, 1024x768", {true, 0, 1, 1, 7}}}};
  for (const named_change& one : single) {
    const std::string of = one.name;
    bench((of + " | retinue").c_str(), [&one] { apply(one.change, sample().picture, to); });
    bench((of + " | reference").c_str(),
          [&one] { benchmark::DoNotOptimize(reference_distort(sample().picture, one.change)); });
  }
  static const window part{.left = 100, .top = 50, .size = {614, 614}};
  bench("crop to 614x614 | retinue", [] { apply(part, sample().picture, to); });
  bench("crop to 614x614 | reference",
        [] { benchmark::DoNotOptimize(sample().picture(cv::Rect(100, 50, 614, 614)).clone()); });
  bench("mirror, 1024x768 | retinue", [] { apply(mirror{true}, sample().picture, to); });
  bench("mirror, 1024x768 | reference", [] {
    cv::Mat out;
    cv::flip(sample().picture, out, 1);
  });
  static const std::array<const char*, 5> kernels{"linear", "cubic", "area", "nearest", "lanczos4"};
  for (const int from : {768, 460})
    for (std::size_t k = 0; k < kernels.size(); ++k) {
      const std::string of = "resize " + std::to_string(from) + " to 640, " + kernels[k];
      const resize r{{side, side}, static_cast<resize_kernel>(k)};
      const auto picture = [from] { return sample().picture(cv::Rect(0, 0, from, from)); };
      bench((of + " | retinue").c_str(), [=] { apply(r, picture(), to); });
      bench((of + " | reference").c_str(),
            [=] { benchmark::DoNotOptimize(reference_resize(picture(), r)); });
    }
  static const window square{.left = 0, .top = 0, .size = {1024, 1024}};
  bench("pad to 1024x1024 | retinue", [] { apply(square, sample().picture, to); });
  bench("pad to 1024x1024 | reference",
        [] { benchmark::DoNotOptimize(reference_pad(sample().picture)); });
  bench("mean and planes, 640 | retinue", [] { to_planes(small, pixel_format{}, planes.data()); });
  bench("mean and planes, 640 | reference", [] { reference_planes(small, planes.data()); });

  bench("whole augmentation, 1024x768 to 640 | retinue", [] {
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto faces = sample().instances;
      const auto plan = plan_of(i, faces);
      to_planes(apply(plan, sample().picture, buffers), pixel_format{}, planes.data());
    }
  });
  bench("whole augmentation, 1024x768 to 640 | reference", [] {
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto faces = sample().instances;
      const auto plan = plan_of(i, faces);
      const auto& [crop, colours, pad, flip, last] = plan.transforms;
      cv::Mat image;
      apply(crop, sample().picture, image);
      image = reference_pad(reference_distort(image, colours));
      if (flip.on) cv::flip(image, image, 1);
      reference_planes(reference_resize(image, last), planes.data());
    }
  });
}

const bool registered = (register_all(), true);

}  // namespace
