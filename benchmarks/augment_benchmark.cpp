// SPDX-License-Identifier: Apache-2.0
// Each stage of augmentation, from a photo of 1024 x 768 to 640, with the same draws:
//
//   retinue     ours
//   reference   a plain port of the reference's NumPy, which computes in doubles and copies as it
//               does; of stages that the reference has
//   OpenCV      the shortest text of OpenCV's functions that does the same, in 8 bits
#include <benchmark/benchmark.h>
#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>
#include <retinue/data/scenes.hpp>
#include <retinue/image/planes.hpp>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
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

/// Another, which has to be scaled to be mixed with it.
const scene<schemas::face5>& other()
{
  static const auto drawn =
      draw_faces(1, 2, {.size = {900, 1280}, .least = 8, .most = 8, .largest = 200});
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

// OpenCV's functions, put together as one would who has nothing else.

cv::Mat opencv_distort(const cv::Mat& from, const colour_change& c)
{
  cv::Mat image = from;
  const auto scale = [&](double times, double plus) {
    cv::Mat changed;
    image.convertTo(changed, -1, times, plus);
    image = changed;
  };
  if (c.brightness != 0) scale(1, c.brightness);
  if (c.contrast_first && c.contrast != 1) scale(c.contrast, 0);
  if (c.saturation != 1 || c.hue != 0) {
    cv::Mat table(1, 256, CV_8UC3), turned;
    for (int i = 0; i < 256; ++i)
      table.at<cv::Vec3b>(i) = {static_cast<std::uint8_t>(((i + c.hue) % 180 + 180) % 180),
                                cv::saturate_cast<std::uint8_t>(i * c.saturation),
                                static_cast<std::uint8_t>(i)};
    cv::cvtColor(image, turned, cv::COLOR_BGR2HSV);
    cv::LUT(turned, table, turned);
    cv::cvtColor(turned, turned, cv::COLOR_HSV2BGR);
    image = turned;
  }
  if (!c.contrast_first && c.contrast != 1) scale(c.contrast, 0);
  return image;
}

cv::Mat opencv_window(const cv::Mat& image, const window& w)
{
  const cv::Rect seen(w.left, w.top, w.size.width, w.size.height);
  const cv::Rect there = seen & cv::Rect(0, 0, image.cols, image.rows);
  if (there == seen) return image(seen);
  cv::Mat out;
  cv::copyMakeBorder(image(there), out, there.y - w.top, w.top + w.size.height - there.br().y,
                     there.x - w.left, w.left + w.size.width - there.br().x, cv::BORDER_CONSTANT,
                     cv::Scalar(104, 117, 123));
  return out;
}

void opencv_planes(const cv::Mat& image, float* planes)
{
  cv::Mat values;
  image.convertTo(values, CV_32F);
  values -= cv::Scalar(104, 117, 123);
  const int area = image.rows * image.cols;
  std::array<cv::Mat, 3> parts;
  for (int c = 0; c < 3; ++c)
    parts[static_cast<std::size_t>(c)] = cv::Mat(image.size(), CV_32F, planes + c * area);
  cv::split(values, parts.data());
}

cv::Mat opencv_noise(const cv::Mat& image, double sigma, cv::RNG& random)
{
  cv::Mat added(image.size(), CV_16SC3), out;
  random.fill(added, cv::RNG::NORMAL, 0, sigma);
  cv::add(image, added, out, cv::noArray(), CV_8U);
  return out;
}

cv::Mat opencv_jpeg(const cv::Mat& image, int quality)
{
  std::vector<std::uint8_t> bytes;
  cv::imencode(".jpg", image, bytes, {cv::IMWRITE_JPEG_QUALITY, quality});
  return cv::imdecode(bytes, cv::IMREAD_COLOR);
}

cv::Mat opencv_blur(const cv::Mat& image, double sigma)
{
  cv::Mat out;
  cv::GaussianBlur(image, out, {}, sigma);
  return out;
}

cv::Mat opencv_mixup(const mixup& m, const cv::Mat& first, const cv::Mat& second)
{
  cv::Mat out;
  const double share = m.share / 256.;
  cv::addWeighted(first, share, opencv_window(reference_resize(second, m.scaled), m.seen),
                  1 - share, 0, out);
  return out;
}

cv::Mat opencv_mosaic(const mosaic_plan& plan, const std::array<cv::Mat, 4>& pictures)
{
  const extent2 size = plan.size_after({});
  cv::Mat out(size.height, size.width, CV_8UC3);
  for (std::size_t i = 0; i < 4; ++i) {
    const cv::Mat seen = opencv_window(reference_resize(pictures[i], plan[i].scaled), plan[i].seen);
    seen.copyTo(out(cv::Rect({plan[i].left, plan[i].top}, seen.size())));
  }
  return out;
}

/// By a picture of shares in floats.
cv::Mat opencv_paste(const paste& p, const cv::Mat& first, const cv::Mat& second)
{
  cv::Mat out = first.clone();
  for (const pasted_part& part : p.parts) {
    const cv::Mat object = reference_resize(opencv_window(second, part.cut), part.scaled);
    cv::Mat down(object.rows, 1, CV_32F), across(1, object.cols, CV_32F), shares;
    const auto fill = [](cv::Mat& m, int begin, int end) {
      const int length = static_cast<int>(m.total());
      for (int i = 0; i < length; ++i)
        m.ptr<float>()[i] = std::min({1.f, (float(i) + 0.5f) / float(std::max(begin, 1)),
                                      (float(length - 1 - i) + 0.5f) / float(std::max(end, 1))});
    };
    fill(down, part.fade[1], part.fade[3]);
    fill(across, part.fade[0], part.fade[2]);
    cv::merge(std::vector<cv::Mat>(3, down * across), shares);
    cv::Mat there = out(cv::Rect(part.left, part.top, object.cols, object.rows)), a, b;
    object.convertTo(a, CV_32F);
    there.convertTo(b, CV_32F);
    cv::Mat mixed = a.mul(shares) + b.mul(cv::Scalar::all(1) - shares);
    mixed.convertTo(there, CV_8U);
  }
  return out;
}

template <class Plan>
void opencv_whole(const Plan& plan, float* planes)
{
  const auto& [crop, colours, pad, flip, last] = plan.transforms;
  cv::Mat image =
      opencv_window(opencv_distort(opencv_window(sample().picture, crop), colours), pad);
  if (flip.on) cv::flip(image, image, 1);
  opencv_planes(reference_resize(image, last), planes);
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
  bench("colours, all four, 1024x768 | OpenCV",
        [] { benchmark::DoNotOptimize(opencv_distort(sample().picture, all_four)); });
  bench("brightness and contrast, 1024x768 | OpenCV",
        [] { benchmark::DoNotOptimize(opencv_distort(sample().picture, light)); });
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
    bench((of + " | OpenCV").c_str(),
          [&one] { benchmark::DoNotOptimize(opencv_distort(sample().picture, one.change)); });
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
  bench("pad to 1024x1024 | OpenCV",
        [] { benchmark::DoNotOptimize(opencv_window(sample().picture, square)); });
  bench("mean and planes, 640 | OpenCV", [] { opencv_planes(small, planes.data()); });
  bench("mean and planes, 640 | retinue", [] { to_planes(small, pixel_format{}, planes.data()); });
  bench("mean and planes, 640 | reference", [] { reference_planes(small, planes.data()); });

  bench("whole augmentation, 1024x768 to 640 | retinue", [] {
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto faces = sample().instances;
      const auto plan = plan_of(i, faces);
      to_planes(apply(plan, sample().picture, buffers), pixel_format{}, planes.data());
    }
  });
  bench("whole augmentation, 1024x768 to 640 | OpenCV", [] {
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto faces = sample().instances;
      opencv_whole(plan_of(i, faces), planes.data());
    }
  });
  static const auto zoomed = scrfd_augmentation(side);
  bench("whole, with crops up to twice the side | retinue", [] {
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto faces = sample().instances;
      const auto plan = zoomed.draw(keyed_random(1, 0, i), photo, faces);
      to_planes(apply(plan, sample().picture, buffers), pixel_format{}, planes.data());
    }
  });
  bench("whole, with crops up to twice the side | OpenCV", [] {
    for (std::uint64_t i = 0; i < 20; ++i) {
      auto faces = sample().instances;
      opencv_whole(zoomed.draw(keyed_random(1, 0, i), photo, faces), planes.data());
    }
  });

  bench("blur by 1.5, 1024x768 | retinue", [] { apply(blur{1.5}, sample().picture, to); });
  bench("blur by 1.5, 1024x768 | OpenCV",
        [] { benchmark::DoNotOptimize(opencv_blur(sample().picture, 1.5)); });
  bench("noise, 1024x768 | retinue", [] { apply(noise{8, 1}, sample().picture, to); });
  static cv::RNG noisy(1);
  bench("noise, 1024x768 | OpenCV",
        [] { benchmark::DoNotOptimize(opencv_noise(sample().picture, 8, noisy)); });
  bench("JPEG of quality 60, 1024x768 | retinue", [] { apply(jpeg{60}, sample().picture, to); });
  bench("JPEG of quality 60, 1024x768 | OpenCV",
        [] { benchmark::DoNotOptimize(opencv_jpeg(sample().picture, 60)); });

  static const std::array<cv::Mat, 4> four{sample().picture, other().picture, sample().picture,
                                           other().picture};
  static const std::array<extent2, 4> sizes{photo, {900, 1280}, photo, {900, 1280}};
  static const std::array<std::vector<instance<schemas::face5>>, 4> truths{
      sample().instances, other().instances, sample().instances, other().instances};
  const auto mix = [&](const std::string& of, const auto& stage, auto opencv) {
    keyed_random random(1, 0, 0);
    const auto plan = stage.draw(random, std::span<const extent2>(sizes),
                                 std::span<const std::vector<instance<schemas::face5>>>(truths));
    bench((of + " | retinue").c_str(), [plan] { apply(plan, std::span<const cv::Mat>(four), to); });
    bench((of + " | OpenCV").c_str(), [plan, opencv] { benchmark::DoNotOptimize(opencv(plan)); });
  };
  mix("mosaic of 1280, 1024x768", random_mosaic{{2 * side, 2 * side}},
      [](const mosaic_plan& plan) { return opencv_mosaic(plan, four); });
  mix("mixup, 1024x768", random_mixup(),
      [](const mixup& plan) { return opencv_mixup(plan, four[0], four[1]); });
  mix("paste, 1024x768", random_paste(),
      [](const paste& plan) { return opencv_paste(plan, four[0], four[1]); });

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
