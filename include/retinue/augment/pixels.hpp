// SPDX-License-Identifier: Apache-2.0
// The pixels of every transform, 8-bit BGR: apply(transform, from, to).
//
// `from` is never written to. `to` may become a view of it where nothing has to be computed: a
// crop costs nothing. Throws where a picture is not 8-bit BGR.
#pragma once

#include <retinue/augment/affine.hpp>       // affine
#include <retinue/augment/blend.hpp>        // mix_values, blend_row
#include <retinue/augment/blur.hpp>         // blur
#include <retinue/augment/colours.hpp>      // colour_change
#include <retinue/augment/erase.hpp>        // erase
#include <retinue/augment/jpeg.hpp>         // jpeg
#include <retinue/augment/mirror.hpp>       // mirror
#include <retinue/augment/mixup.hpp>        // mixup
#include <retinue/augment/mosaic.hpp>       // mosaic_plan
#include <retinue/augment/noise.hpp>        // noise
#include <retinue/augment/paste.hpp>        // paste
#include <retinue/augment/pipeline.hpp>     // augmentation_plan
#include <retinue/augment/recolour.hpp>     // value_change, turn_colours
#include <retinue/augment/resample.hpp>     // resample
#include <retinue/augment/resize.hpp>       // resize
#include <retinue/augment/reverse.hpp>      // reverse_pixels
#include <retinue/augment/until_epoch.hpp>  // perhaps
#include <retinue/augment/window.hpp>       // window
#include <retinue/compiler.hpp>             // RETINUE_SHUFFLES_BYTES
#include <retinue/error.hpp>                // fail

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <tuple>
#include <vector>

namespace retinue {

namespace detail {

[[nodiscard]] inline cv::Scalar scalar_bgr(const fill_colour& c)
{
  return {double(c[0]), double(c[1]), double(c[2])};
}

/// Saturation and hue of a row's pixels, as many as planes hold.
inline void turn_colours_exactly(const cv::Mat& from, cv::Mat& to, const colour_change& c)
{
  std::array<colour_plane, 3> planes;
  std::array<cv::Mat, 3> parts;
  for (std::size_t i = 0; i < 3; ++i) parts[i] = cv::Mat(1, from.cols, CV_8U, planes[i].data());
  cv::split(from, parts.data());
  turn_colours(planes, from.cols, c.saturation, c.hue);
  cv::merge(parts.data(), parts.size(), to);
}

/// The same by way of OpenCV's hue and saturation of 8 bits.
inline void turn_colours_as_reference(const cv::Mat& from, cv::Mat& to, const colour_change& c)
{
  cv::Mat table(1, 256, CV_8UC3), turned;
  for (int i = 0; i < 256; ++i)
    table.at<cv::Vec3b>(i) = {static_cast<std::uint8_t>(((i + c.hue) % 180 + 180) % 180),
                              static_cast<std::uint8_t>(std::clamp(i * c.saturation, 0., 255.)),
                              static_cast<std::uint8_t>(i)};
  cv::cvtColor(from, turned, cv::COLOR_BGR2HSV);
  cv::LUT(turned, table, turned);
  cv::cvtColor(turned, to, cv::COLOR_HSV2BGR);
}

}  // namespace detail

/// What is seen through the window; beyond the picture, its colour.
inline void apply(const window& w, const cv::Mat& from, cv::Mat& to)
{
  const cv::Rect seen(w.left, w.top, w.size.width, w.size.height);
  const cv::Rect there = seen & cv::Rect(0, 0, from.cols, from.rows);
  if (there == seen) {
    to = from(seen);
    return;
  }
  if (to.u == from.u) to = cv::Mat();  // or the picture would be its own border
  to.create(seen.size(), CV_8UC3);
  if (there.empty()) {
    to.setTo(detail::scalar_bgr(w.fill));
    return;
  }
  const cv::Rect at(there.x - w.left, there.y - w.top, there.width, there.height);
  const auto fill = [&](const cv::Rect& border) {
    if (!border.empty()) to(border).setTo(detail::scalar_bgr(w.fill));
  };
  fill({0, 0, to.cols, at.y});
  fill({0, at.y + at.height, to.cols, to.rows - at.y - at.height});
  fill({0, at.y, at.x, at.height});
  fill({at.x + at.width, at.y, to.cols - at.x - at.width, at.height});
  from(there).copyTo(to(at));
}

/// The picture, 8-bit BGR, in other colours.
inline void apply(const colour_change& c, const cv::Mat& from, cv::Mat& to)
{
  const bool as_reference = c.arithmetic == colour_arithmetic::reference;
  const bool turns = c.saturation != 1 || c.hue != 0 || as_reference;
  if (!turns && c.brightness == 0 && c.contrast == 1) {
    to = from;
    return;
  }
  if (to.u == from.u) to = cv::Mat();
  to.create(from.size(), CV_8UC3);
  const detail::value_change before(c.brightness, c.contrast_first || !turns ? c.contrast : 1);
  if (!turns) {
    for (int y = 0; y < from.rows; ++y) before(from.ptr(y), to.ptr(y), 3 * from.cols);
    return;
  }
  const detail::value_change after(0, c.contrast_first ? 1 : c.contrast);
  // Few pixels at a time stay in the cache from the first step to the last.
  for (int y = 0; y < from.rows; ++y)
    for (int x = 0; x < from.cols; x += detail::recoloured_at_once) {
      const cv::Rect part(x, y, std::min(detail::recoloured_at_once, from.cols - x), 1);
      cv::Mat now = from(part), out = to(part);
      if (before.changes()) {
        before(now.data, out.data, 3 * part.width);
        now = out;
      }
      as_reference ? detail::turn_colours_as_reference(now, out, c)
                   : detail::turn_colours_exactly(now, out, c);
      if (after.changes()) after(out.data, out.data, 3 * part.width);
    }
}

/// The picture or its mirror image.
inline void apply(const mirror& m, const cv::Mat& from, cv::Mat& to)
{
  if (!m.on) {
    to = from;
    return;
  }
  if (to.u == from.u) to = cv::Mat();
  if constexpr (RETINUE_SHUFFLES_BYTES) {
    to.create(from.size(), CV_8UC3);
    for (int y = 0; y < from.rows; ++y) detail::reverse_pixels(from.ptr(y), to.ptr(y), from.cols);
  } else {
    cv::flip(from, to, 1);
  }
}

/// The picture in another size.
inline void apply(const resize& r, const cv::Mat& from, cv::Mat& to)
{
  if (from.cols == r.to.width && from.rows == r.to.height) {
    to = from;
    return;
  }
  if (to.u == from.u) to = cv::Mat();
  if (r.kernel == resize_kernel::area && (from.cols < r.to.width || from.rows < r.to.height)) {
    cv::resize(from, to, {r.to.width, r.to.height}, 0, 0, cv::INTER_AREA);
    return;
  }
  to.create(r.to.height, r.to.width, CV_8UC3);
  if (r.kernel == resize_kernel::nearest)
    detail::resample_nearest(from.data, {from.rows, from.cols}, from.step, to.data, r.to, to.step);
  else
    detail::resample(r.kernel, from.data, {from.rows, from.cols}, from.step, to.data, r.to,
                     to.step);
}

/// The picture as it is.
inline void apply(const ignore_small&, const cv::Mat& from, cv::Mat& to)
{
  to = from;
}

/// The picture turned, scaled and shifted.
inline void apply(const affine& a, const cv::Mat& from, cv::Mat& to)
{
  const auto& m = a.m;
  if (m == affine{}.m) {
    to = from;
    return;
  }
  if (to.u == from.u) to = cv::Mat();
  // OpenCV counts from the middle of a pixel: its (0, 0) is our (0.5, 0.5).
  const auto centre = a(0.5, 0.5);
  const cv::Matx23d middle(m[0], m[1], centre[0] - 0.5, m[3], m[4], centre[1] - 0.5);
  cv::warpAffine(from, to, middle, from.size(), cv::INTER_LINEAR, cv::BORDER_CONSTANT,
                 detail::scalar_bgr(a.fill));
}

/// The picture with a rectangle filled.
inline void apply(const erase& e, const cv::Mat& from, cv::Mat& to)
{
  if (e.size.width < 1 || e.size.height < 1) {
    to = from;
    return;
  }
  if (to.u == from.u) to = cv::Mat();
  from.copyTo(to);
  to(cv::Rect(e.left, e.top, e.size.width, e.size.height) & cv::Rect(0, 0, to.cols, to.rows))
      .setTo(detail::scalar_bgr(e.fill));
}

/// The picture blurred.
inline void apply(const blur& b, const cv::Mat& from, cv::Mat& to)
{
  if (b.sigma == 0) {
    to = from;
    return;
  }
  if (to.u == from.u) to = cv::Mat();
  // What lies around a view is none of its own.
  cv::GaussianBlur(from, to, {}, b.sigma, b.sigma, cv::BORDER_REFLECT_101 | cv::BORDER_ISOLATED);
}

/// The picture with noise added.
inline void apply(const noise& n, const cv::Mat& from, cv::Mat& to)
{
  if (n.sigma == 0) {
    to = from;
    return;
  }
  if (to.u == from.u) to = cv::Mat();
  to.create(from.size(), CV_8UC3);
  const detail::noise_table table = detail::noise_of(n.sigma);
  for (int y = 0; y < from.rows; ++y)
    detail::add_noise(from.ptr(y), to.ptr(y), 3 * from.cols, table, n.key, y);
}

/// Throws where JPEG knows no picture of that size.
inline void apply(const jpeg& j, const cv::Mat& from, cv::Mat& to)
{
  if (j.quality == 0) {
    to = from;
    return;
  }
  constexpr int longest = 65500;  // of the JPEG library
  if (from.empty() || from.cols > longest || from.rows > longest)
    fail("a picture of ", from.cols, " x ", from.rows, " pixels cannot be written as JPEG");
  if (to.u == from.u) to = cv::Mat();
  thread_local std::vector<std::uint8_t> bytes;
  cv::imencode(".jpg", from, bytes, {cv::IMWRITE_JPEG_QUALITY, j.quality});
  cv::imdecode(bytes, cv::IMREAD_COLOR, &to);
}

/// What the transform does, or the picture as it is where there is none.
template <class Transform>
void apply(const perhaps<Transform>& p, const cv::Mat& from, cv::Mat& to)
{
  if (p.drawn)
    apply(*p.drawn, from, to);
  else
    to = from;
}

/// The four pictures as one. Here and below, `to` is not in the memory of one of them.
inline void apply(const mosaic_plan& plan, std::span<const cv::Mat> pictures, cv::Mat& to)
{
  const extent2 size = plan.size_after({});
  to.create(size.height, size.width, CV_8UC3);
  cv::Mat scaled, seen;
  for (std::size_t i = 0; i < 4; ++i) {
    apply(plan[i].scaled, pictures[i], scaled);
    apply(plan[i].seen, scaled, seen);
    seen.copyTo(to(cv::Rect({plan[i].left, plan[i].top}, seen.size())));
  }
}

/// The first through the second.
inline void apply(const mixup& m, std::span<const cv::Mat> pictures, cv::Mat& to)
{
  cv::Mat scaled, seen;
  apply(m.scaled, pictures[1], scaled);
  apply(m.seen, scaled, seen);
  to.create(seen.size(), CV_8UC3);
  for (int y = 0; y < to.rows; ++y)
    detail::mix_values(pictures[0].ptr(y), seen.ptr(y), to.ptr(y), 3 * to.cols, m.share);
}

/// The first with parts of the second.
inline void apply(const paste& p, std::span<const cv::Mat> pictures, cv::Mat& to)
{
  pictures[0].copyTo(to);
  cv::Mat cut, scaled;
  for (const pasted_part& part : p.parts) {
    apply(part.cut, pictures[1], cut);
    apply(part.scaled, cut, scaled);
    const auto down = detail::faded(scaled.rows, part.fade[1], part.fade[3]);
    std::vector<std::uint16_t> across;
    for (const std::uint16_t share : detail::faded(scaled.cols, part.fade[0], part.fade[2]))
      across.insert(across.end(), 3, share);
    for (int y = 0; y < scaled.rows; ++y)
      detail::blend_row(scaled.ptr(y), to.ptr(part.top + y) + 3 * part.left, across,
                        down[static_cast<std::size_t>(y)]);
  }
}

/// Memory for two pictures, which the stages write to in turn. Keep it from one sample to the next:
/// fresh memory costs more than what is computed in it. One for each thread.
class augmentation_buffers {
 public:
  /// Room for a picture of this size, not in the memory of `taken`.
  [[nodiscard]] cv::Mat other_than(const cv::Mat& taken, extent2 size)
  {
    const std::int64_t wanted = std::int64_t{3} * size.width * size.height;
    if (wanted > std::numeric_limits<int>::max())  // more than a row of bytes can be: not kept
      return cv::Mat(size.height, size.width, CV_8UC3);
    cv::Mat& store = stores_[taken.u != nullptr && taken.u == stores_[0].u ? 1 : 0];
    const auto bytes = static_cast<int>(wanted);
    if (store.cols < bytes) store = cv::Mat(1, bytes, CV_8UC1);
    return store.colRange(0, bytes).reshape(3, size.height);
  }

 private:
  std::array<cv::Mat, 2> stores_;
};

/// All stages. The result is a view of `picture` or of a buffer: it lasts until the next call.
/// Throws where the picture is not 8-bit BGR, or not of the size that the plan was drawn for.
template <class... Transforms>
[[nodiscard]] cv::Mat apply(const augmentation_plan<Transforms...>& plan, const cv::Mat& picture,
                            augmentation_buffers& buffers)
{
  if (picture.type() != CV_8UC3) fail("only 8-bit BGR pictures can be augmented");
  if (picture.rows != plan.before.height || picture.cols != plan.before.width)
    fail("the plan was drawn for a picture of ", plan.before.width, " x ", plan.before.height,
         " pixels, not ", picture.cols, " x ", picture.rows);
  cv::Mat now = picture;
  const auto one = [&](const auto& transform) {
    cv::Mat next = buffers.other_than(now, transform.size_after({now.rows, now.cols}));
    apply(transform, now, next);
    now = next;
  };
  std::apply([&](const auto&... each) { (one(each), ...); }, plan.transforms);
  return now;
}

}  // namespace retinue
