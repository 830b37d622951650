// SPDX-License-Identifier: Apache-2.0
#include <retinue/augment.hpp>
#include <retinue/augment/pixels.hpp>
#include <retinue/image/planes.hpp>

#include "catch.hpp"
#include "npz.hpp"
#include "shared.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace retinue;

namespace {

using face = instance<schemas::face5>;

/// Gives the draws that the reference made, and insists that ours ask for the same ones.
class recorded {
 public:
  explicit recorded(const nlohmann::json& draws) : draws_(&draws) {}

  std::uint32_t below(std::uint32_t n)
  {
    const auto& [function, arguments, value] = next();
    if (function == "choice") {
      const auto& from = arguments[0];
      const auto at = std::ranges::find(from, value);
      if (from.size() != n || at == from.end()) throw std::runtime_error("another choice");
      return std::uint32_t(at - from.begin());
    }
    if (function == "randint") {
      const int lo = arguments[0], hi = arguments[1];
      if (std::uint32_t(hi - lo + 1) != n) throw std::runtime_error("another randint");
      return std::uint32_t(value.template get<int>() - lo);
    }
    if (function != "randrange" || arguments[0] != n) throw std::runtime_error("another randrange");
    return value;
  }
  double uniform(double from, double to)
  {
    const auto& [function, arguments, value] = next();
    if (function != "uniform" || arguments[0] != from || arguments[1] != to)
      throw std::runtime_error("another uniform");
    return value;
  }
  bool chance(double probability)
  {
    if (probability != 0.5) throw std::runtime_error("another chance");
    return below(2) == 1;
  }
  recorded fork(std::uint32_t) const { return *this; }
  [[nodiscard]] bool all_used() const { return *at_ == draws_->size(); }

 private:
  struct draw {
    std::string function;
    nlohmann::json arguments, value;
  };
  draw next()
  {
    const auto& d = draws_->at((*at_)++);
    return {d.at(0), d.at(1), d.at(2)};
  }
  const nlohmann::json* draws_;
  std::shared_ptr<std::size_t> at_ = std::make_shared<std::size_t>(0);
};
static_assert(random_source<recorded>);

struct golden_data {
  test::npz arrays{test::shared("golden/augment.npz")};
  nlohmann::json draws =
      nlohmann::json::parse(std::ifstream(test::shared("golden/augment_draws.json")));

  [[nodiscard]] cv::Mat image(const std::string& name) const
  {
    const auto& a = arrays[name];
    const auto values = a.as<std::uint8_t>();
    cv::Mat m(int(a.shape.at(0)), int(a.shape.at(1)), CV_8UC3);
    std::copy(values.begin(), values.end(), m.data);
    return m;
  }

  [[nodiscard]] std::vector<face> faces() const
  {
    const auto rows = arrays["targets"].as<double>();
    std::vector<face> all(rows.size() / 15);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double* row = rows.data() + 15 * i;
      all[i].bounds = {float(row[0]), float(row[1]), float(row[2]), float(row[3])};
      for (std::size_t k = 0; k < 10; ++k) all[i].points[k] = float(row[4 + k]);
      all[i].visible.fill(row[14] > 0);
    }
    return all;
  }
};

double greatest_difference(const cv::Mat& a, const cv::Mat& b)
{
  REQUIRE(a.size() == b.size());
  return cv::norm(a, b, cv::NORM_INF);
}

/// Boxes are (n, 4) and points (n, 10), where they are labelled.
void check_faces(const std::vector<face>& found, const std::vector<double>& boxes,
                 const std::vector<double>& points, double scale = 1)
{
  REQUIRE(found.size() * 4 == boxes.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t c = 0; c < 4; ++c)
      CHECK(std::abs(found[i].bounds[c] / scale - boxes[4 * i + c]) < 1e-4);
    for (std::size_t k = 0; k < 10; ++k)
      if (found[i].visible[k / 2])
        CHECK(std::abs(found[i].points[k] / scale - points[10 * i + k]) < 1e-4);
  }
}

/// Pixel (x, y) is (x, y, 0), so that a pixel says where it came from.
cv::Mat map_of_places(extent2 size)
{
  cv::Mat m(size.height, size.width, CV_8UC3);
  for (int y = 0; y < m.rows; ++y)
    for (int x = 0; x < m.cols; ++x) m.at<cv::Vec3b>(y, x) = {std::uint8_t(x), std::uint8_t(y), 0};
  return m;
}

template <class Transform>
void check_pixels(const Transform& t, double tolerance)
{
  const extent2 size{120, 160};
  const cv::Mat from = map_of_places(size), untouched = from.clone();
  std::vector<instance<schemas::points<98>>> all(1);
  keyed_random random(1, 1, 1);
  all[0].bounds = {1, 1, 159, 119};
  for (std::size_t k = 0; k < 98; ++k) {
    all[0].points.points[k] = {float(random.uniform(2, 158)), float(random.uniform(2, 118))};
    all[0].visible[k] = true;
  }
  const auto before = all[0].points;
  t.map(all, size);
  cv::Mat to;
  apply(t, from, to);
  CHECK(greatest_difference(from, untouched) == 0);
  REQUIRE(to.cols == t.size_after(size).width);
  REQUIRE(to.rows == t.size_after(size).height);
  REQUIRE(all.size() == 1);
  std::size_t seen = 0;
  for (std::size_t k = 0; k < 98; ++k) {
    const auto& p = all[0].points.points[k];
    if (!all[0].visible[k] || p[0] < 2 || p[1] < 2 || p[0] > float(to.cols - 2) ||
        p[1] > float(to.rows - 2))
      continue;
    ++seen;
    const auto pixel = to.at<cv::Vec3b>(int(p[1]), int(p[0]));
    CHECK(std::abs(pixel[0] + 0.5 - before.points[k][0]) < tolerance);
    CHECK(std::abs(pixel[1] + 0.5 - before.points[k][1]) < tolerance);
  }
  CHECK(seen > 20);
}

}  // namespace

TEST_CASE("Pixels go where landmarks go")
{
  check_pixels(window{.left = 30, .top = 20, .size = {90, 100}}, 1);
  check_pixels(window{.left = -30, .top = -20, .size = {300, 400}}, 1);
  check_pixels(window{.left = -30, .top = 20, .size = {90, 250}}, 1);
  check_pixels(mirror{}, 1);
  check_pixels(mirror{false}, 1);
  for (const auto kernel : {resize_kernel::linear, resize_kernel::cubic, resize_kernel::area,
                            resize_kernel::nearest, resize_kernel::lanczos4}) {
    check_pixels(resize{{240, 320}, kernel}, 1.6);
    check_pixels(resize{{90, 100}, kernel}, 2.4);
  }
  random_affine stage;
  stage.probability = 1;
  stage.degrees = 30;
  for (std::uint64_t i = 0; i < 8; ++i) {
    keyed_random random(2, 0, i);
    check_pixels(stage.draw(random, {120, 160}, std::span<const face>{}), 2.2);
  }
  check_pixels(colour_change{}, 1);
}

TEST_CASE("A crop larger than the picture fills in what lies around it")
{
  const cv::Mat from = map_of_places({120, 160});
  random_square_crop stage;
  stage.shares = {1.2, 3};  // 144 and 360 pixels
  stage.fill = {200, 201, 202};
  for (std::uint64_t round = 0; round < 20; ++round) {
    keyed_random random(9, 0, round);
    const window w = stage.draw(random, {120, 160}, std::span<const face>{});
    cv::Mat to;
    apply(w, from, to);
    REQUIRE(to.size() == cv::Size(w.size.width, w.size.height));
    int wrong = 0;
    for (int y = 0; y < to.rows; ++y)
      for (int x = 0; x < to.cols; ++x) {
        const int there_x = x + w.left, there_y = y + w.top;
        const bool inside = there_x >= 0 && there_x < 160 && there_y >= 0 && there_y < 120;
        const cv::Vec3b expected =
            inside ? from.at<cv::Vec3b>(there_y, there_x) : cv::Vec3b(200, 201, 202);
        wrong += to.at<cv::Vec3b>(y, x) != expected;
      }
    CHECK(wrong == 0);
  }
}

TEST_CASE("There is room for a picture of more bytes than an int counts")
{
  augmentation_buffers buffers;
  const cv::Mat large = buffers.other_than(cv::Mat(), {27000, 27000});  // is never touched
  CHECK(large.rows == 27000);
  CHECK(large.cols == 27000);
  CHECK(large.type() == CV_8UC3);
}

TEST_CASE("Colours turn as a circle of hues does")
{
  cv::Mat picture(61, 1100, CV_8UC3);  // longer than what is changed at once
  cv::RNG(5).fill(picture, cv::RNG::UNIFORM, 0, 256);
  picture.row(0).setTo(cv::Scalar(0, 0, 0));
  picture.row(1).setTo(cv::Scalar(255, 0, 255));
  const auto changed = [](const cv::Mat& from, const colour_change& c) {
    cv::Mat to;
    apply(c, from, to);
    return to;
  };
  for (const int turn : {0, 180, -180, 720})
    CHECK(greatest_difference(changed(picture, {.hue = turn}), picture) == 0);

  std::array<cv::Mat, 3> bgr;
  cv::split(picture, bgr.data());
  std::swap(bgr[0], bgr[1]);  // red becomes green, green blue, blue red
  std::swap(bgr[1], bgr[2]);
  cv::Mat turned;
  cv::merge(bgr.data(), 3, turned);
  const cv::Mat third = changed(picture, {.hue = 60});
  CHECK(greatest_difference(third, changed(picture, {.hue = -120})) == 0);
  CHECK(greatest_difference(third, turned) == 0);
  CHECK(greatest_difference(changed(changed(third, {.hue = 60}), {.hue = 60}), picture) == 0);
  for (const int turn : {7, 18, 41, 88}) {
    const cv::Mat back = changed(changed(picture, {.hue = turn}), {.hue = -turn});
    CHECK(greatest_difference(back, picture) <= 1);
  }
}

TEST_CASE("Saturation moves the channels to the greatest, or away from it until one is 0")
{
  cv::Mat picture(3, 2, CV_8UC3), out;
  picture.row(0).setTo(cv::Scalar(100, 150, 200));
  picture.row(1).setTo(cv::Scalar(77, 77, 77));
  picture.row(2).setTo(cv::Scalar(250, 240, 30));
  const auto is = [&](int row, int b, int g, int r) {
    return out.at<cv::Vec3b>(row, 1) ==
           cv::Vec3b(std::uint8_t(b), std::uint8_t(g), std::uint8_t(r));
  };
  apply(colour_change{.saturation = 0.5}, picture, out);
  CHECK((is(0, 150, 175, 200) && is(1, 77, 77, 77) && is(2, 250, 245, 140)));
  apply(colour_change{.saturation = 1.5}, picture, out);
  CHECK((is(0, 50, 125, 200) && is(1, 77, 77, 77) && is(2, 250, 239, 0)));
  apply(colour_change{.saturation = 0}, picture, out);
  CHECK((is(0, 200, 200, 200) && is(1, 77, 77, 77) && is(2, 250, 250, 250)));
  apply(colour_change{.hue = 45}, picture, out);
  CHECK(is(1, 77, 77, 77));
}

TEST_CASE("Brightness and contrast are cut to whole numbers, each by itself")
{
  const cv::Mat picture(2, 2, CV_8UC3, cv::Scalar(3, 101, 250));
  cv::Mat out;
  const auto is = [&](int b, int g, int r) {
    return out.at<cv::Vec3b>(1, 1) == cv::Vec3b(std::uint8_t(b), std::uint8_t(g), std::uint8_t(r));
  };
  apply(colour_change{.brightness = -10.5}, picture, out);
  CHECK(is(0, 90, 239));
  apply(colour_change{.contrast = 1.5}, picture, out);
  CHECK(is(4, 151, 255));
  apply(colour_change{.brightness = 20.75, .contrast = 0.5}, picture, out);
  CHECK(is(11, 60, 127));
  apply(colour_change{.contrast_first = false, .contrast = 0.5, .saturation = 0.5}, picture, out);
  CHECK(is(63, 88, 125));
}

TEST_CASE("Noise is a bell of its width, the same again, and seen by views as by copies")
{
  const cv::Mat grey(300, 400, CV_8UC3, cv::Scalar::all(128)), kept = grey.clone();
  for (const double sigma : {1., 3., 12., 30.}) {
    cv::Mat once, again, other;
    apply(noise{sigma, 77}, grey, once);
    apply(noise{sigma, 77}, grey, again);
    apply(noise{sigma, 78}, grey, other);
    CHECK(greatest_difference(once, again) == 0);
    CHECK(greatest_difference(once, other) > sigma);
    const auto count = double(3 * once.total());
    double sum = 0, squares = 0, within = 0, neighbours = 0;
    for (int y = 0; y < once.rows; ++y)
      for (int x = 0; x < 3 * once.cols; ++x) {
        const double d = once.ptr(y)[x] - 128.;
        sum += d, squares += d * d, within += std::abs(d) < sigma + 0.5;
        if (x > 0) neighbours += d * (once.ptr(y)[x - 1] - 128.);
      }
    INFO("sigma " << sigma);
    CHECK(std::abs(sum / count) < 4 * sigma / std::sqrt(count));
    // Whole numbers add 1/12; the bell's ends, cut at 3.67 sigma, take a thousandth.
    CHECK(std::abs(squares / count - sigma * sigma - 1 / 12.) < 0.01 * sigma * sigma);
    CHECK(std::abs(neighbours / count) < 4 * sigma * sigma / std::sqrt(count));
    if (sigma == 30) CHECK(std::abs(within / count - 0.69) < 0.01);  // 0.6827 within sigma
  }
  CHECK(greatest_difference(grey, kept) == 0);
  cv::Mat out;
  apply(noise{}, grey, out);
  CHECK(out.u == grey.u);

  // Near black and white it is cut, not wrapped around.
  apply(noise{20, 5}, cv::Mat(50, 50, CV_8UC3, cv::Scalar(0, 128, 255)), out);
  std::array<cv::Mat, 3> parts;
  cv::split(out, parts.data());
  double most = 0, least = 0;
  cv::minMaxLoc(parts[0], nullptr, &most);
  cv::minMaxLoc(parts[2], &least, nullptr);
  CHECK(most < 80);
  CHECK(least > 175);
}

TEST_CASE("A blur widens by its deviation, and keeps what there is")
{
  for (const double sigma : {0.8, 1.5, 2.5}) {
    cv::Mat dot(61, 61, CV_8UC3, cv::Scalar::all(0)), out;
    dot(cv::Rect(28, 28, 5, 5)).setTo(cv::Scalar::all(255));
    apply(blur{sigma}, dot, out);
    double sum = 0, wide = 0;
    for (int y = 0; y < 61; ++y)
      for (int x = 0; x < 61; ++x) {
        const double v = out.at<cv::Vec3b>(y, x)[1];
        sum += v, wide += v * (x - 30.) * (x - 30.);
      }
    INFO("sigma " << sigma);
    CHECK(std::abs(sum / (25 * 255) - 1) < 0.02);
    CHECK(std::abs(wide / sum - 2 - sigma * sigma) < 0.12 * sigma * sigma);  // 5 pixels have 2
  }
  cv::Mat out;
  const cv::Mat grey(20, 30, CV_8UC3, cv::Scalar(7, 80, 250));
  apply(blur{1.2}, grey, out);
  CHECK(greatest_difference(out, grey) == 0);
  apply(blur{}, grey, out);
  CHECK(out.u == grey.u);
}

TEST_CASE("JPEG leaves the more traces, the lower its quality")
{
  const cv::Mat smooth = [] {
    cv::Mat m(90, 120, CV_8UC3);
    cv::RNG(3).fill(m, cv::RNG::UNIFORM, 0, 256);
    cv::GaussianBlur(m, m, {}, 2);
    return m;
  }();
  const cv::Mat kept = smooth.clone();
  cv::Mat again;
  double before = 0;
  for (const int quality : {100, 80, 50, 20, 5}) {
    cv::Mat out;
    apply(jpeg{quality}, smooth, out);
    REQUIRE(out.size() == smooth.size());
    apply(jpeg{quality}, smooth, again);
    CHECK(greatest_difference(out, again) == 0);
    const double traces = cv::norm(out, smooth, cv::NORM_L1) / double(3 * out.total());
    CHECK(traces > before);
    CHECK(traces < 25);
    before = traces;
  }
  CHECK(greatest_difference(smooth, kept) == 0);
  apply(jpeg{}, smooth, again);
  CHECK(again.u == smooth.u);
  CHECK_THROWS_AS(apply(jpeg{50}, cv::Mat(1, 70000, CV_8UC3), again), error);
}

TEST_CASE("A view is blurred, given noise and sent around as if it were alone")
{
  const cv::Mat all = map_of_places({120, 160});
  const cv::Mat view = all(cv::Rect(31, 17, 64, 48)), copy = view.clone();
  const auto check = [&](const auto& transform) {
    cv::Mat of_view, of_copy;
    apply(transform, view, of_view);
    apply(transform, copy, of_copy);
    CHECK(greatest_difference(of_view, of_copy) == 0);
    cv::Mat in_place = copy.clone();
    const cv::Mat from = in_place;
    apply(transform, from, in_place);
    CHECK(greatest_difference(in_place, of_copy) == 0);
    CHECK(greatest_difference(from, copy) == 0);
  };
  check(blur{1.7});
  check(noise{9, 1});
  check(jpeg{40});
  check(perhaps<window>{window{.left = -3, .top = 2, .size = {20, 90}}});
  check(perhaps<window>{});
}

TEST_CASE("brightness and contrast of any value, in rows of any length")
{
  for (const auto& [plus, times] : {std::pair{-30.25, 1.0}, {0.0, 1.37}, {12.75, 0.6}, {200., 3.}})
    for (const int count : {0, 1, 63, 64, 65, 200, 600}) {
      std::vector<std::uint8_t> from, to(std::size_t(count) + 1, 77), in_place;
      for (int i = 0; i < count; ++i) from.push_back(std::uint8_t(i * 3));
      in_place = from;
      const detail::value_change change(plus, times);
      change(from.data(), to.data(), count);
      change(in_place.data(), in_place.data(), count);
      int wrong = 0;
      for (std::size_t i = 0; i < from.size(); ++i) {
        const int brighter = std::clamp(static_cast<int>(float(from[i]) + float(plus)), 0, 255);
        const int want = std::clamp(static_cast<int>(float(brighter) * float(times)), 0, 255);
        wrong += to[i] != want || in_place[i] != want;
      }
      CAPTURE(plus, times, count);
      CHECK(wrong == 0);
      CHECK(to.back() == 77);
    }
}

TEST_CASE("Rows are reversed at any width, and nothing around them is touched")
{
  for (int width = 0; width < 90; ++width) {
    // Exactly as large as it must be, so that a sanitizer sees what is read beyond it.
    std::vector<std::uint8_t> from(std::size_t(3 * width)), to(std::size_t(3 * width) + 20, 77);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = std::uint8_t(100 + 7 * i);
    detail::reverse_pixels(from.data(), to.data() + 10, width);
    int wrong = 0;
    for (int i = 0; i < 3 * width; ++i)
      wrong += to[std::size_t(10 + i)] != from[std::size_t(3 * (width - 1 - i / 3) + i % 3)];
    CHECK(wrong == 0);
    CHECK(std::count(to.begin(), to.begin() + 10, 77) == 10);
    CHECK(std::count(to.end() - 10, to.end(), 77) == 10);
  }
}

TEST_CASE("Resampling gives what OpenCV's gives, at any size")
{
  cv::RNG random(7);
  const std::array kernels{cv::INTER_LINEAR, cv::INTER_CUBIC, cv::INTER_AREA, cv::INTER_NEAREST,
                           cv::INTER_LANCZOS4};
  const std::array sizes{cv::Size(1, 1),   cv::Size(2, 9),    cv::Size(37, 20),
                         cv::Size(64, 64), cv::Size(131, 77), cv::Size(200, 213)};
  for (const auto& from : sizes) {
    cv::Mat noise(from, CV_8UC3);
    random.fill(noise, cv::RNG::UNIFORM, 0, 256);
    for (const auto& to : sizes)
      for (std::size_t k = 0; k < kernels.size(); ++k) {
        cv::Mat ours, theirs;
        apply(resize{{to.height, to.width}, resize_kernel(k)}, noise, ours);
        cv::resize(noise, theirs, to, 0, 0, kernels[k]);
        INFO("from " << from << " to " << to << " by kernel " << k);
        CHECK(greatest_difference(ours, theirs) <= 1);
      }
  }
}

TEST_CASE("Four pictures meet, each in its own part")
{
  keyed_random random(3, 0, 0);
  const extent2 size{120, 160};
  const auto plan = random_mosaic{{200, 240}}.draw(random, {size, size, size, size});
  std::array<cv::Mat, 4> pictures;
  for (int i = 0; i < 4; ++i)
    pictures[std::size_t(i)] = cv::Mat(120, 160, CV_8UC3, cv::Scalar::all(10 + i));
  cv::Mat to;
  apply(plan, pictures, to);
  REQUIRE(to.size() == cv::Size(240, 200));
  for (const auto& part : plan) {
    const cv::Mat of =
        to(cv::Rect(part.left, part.top, part.seen.size.width, part.seen.size.height));
    const double value = 10 + double(&part - plan.data());
    CHECK(cv::norm(of, cv::Mat(of.size(), CV_8UC3, cv::Scalar::all(value)), cv::NORM_INF) == 0);
  }
  CHECK(to.at<cv::Vec3b>(0, 0)[0] == 10);
  CHECK(to.at<cv::Vec3b>(199, 239)[0] == 13);
}

TEST_CASE("A plan is for pictures of its size, and its buffers do not mix samples up")
{
  const auto train = ssd_augmentation(64);
  augmentation_buffers buffers;
  const cv::Mat picture = map_of_places({120, 160}), kept = picture.clone();
  for (std::uint64_t i = 0; i < 50; ++i) {
    std::vector<face> faces(1);
    faces[0].bounds = {30, 30, 80, 80};
    const auto plan = train.draw(keyed_random(4, 0, i), {120, 160}, faces);
    augmentation_buffers fresh;
    CHECK(greatest_difference(apply(plan, picture, buffers), apply(plan, picture, fresh)) == 0);
  }
  CHECK(greatest_difference(picture, kept) == 0);
  std::vector<face> none;
  const auto plan = train.draw(keyed_random(4, 0, 0), {120, 161}, none);
  CHECK_THROWS_AS(apply(plan, picture, buffers), error);
}

TEST_CASE("Colours as the reference's, from its draws", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const golden_data golden;
  const cv::Mat image = golden.image("image");
  random_colours stage;
  stage.arithmetic = colour_arithmetic::reference;
  for (int i = 0; i < 12; ++i) {
    const std::string name = "distort" + std::to_string(i);
    recorded random(golden.draws[name]);
    auto drawn = stage.draw(random, {image.rows, image.cols}, std::span<const face>{});
    CHECK(random.all_used());
    cv::Mat out, exact;
    apply(drawn, image, out);
    INFO(name);
    CHECK(greatest_difference(out, golden.image(name + "/out")) <= 1);
    drawn.arithmetic = colour_arithmetic::exact;
    apply(drawn, image, exact);
    CHECK(greatest_difference(out, exact) <= 12);
    CHECK(cv::norm(out, exact, cv::NORM_L1) / double(3 * out.total()) < 1);
  }
}

TEST_CASE("Crops as the reference's, from its draws", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const golden_data golden;
  const cv::Mat image = golden.image("image");
  random_square_crop stage;
  stage.last_offset = false;
  stage.landmarks = edge_landmarks::clamp;
  const auto faces = golden.faces();
  for (int i = 0; i < 6; ++i) {
    const std::string name = "crop" + std::to_string(i);
    recorded random(golden.draws[name]);
    const auto drawn = stage.draw(random, {image.rows, image.cols}, std::span<const face>(faces));
    CHECK(random.all_used());
    cv::Mat out;
    apply(drawn, image, out);
    CHECK(greatest_difference(out, golden.image(name + "/image")) == 0);
    auto moved = faces;
    drawn.map(moved, {image.rows, image.cols});
    check_faces(moved, golden.arrays[name + "/boxes"].as<double>(),
                golden.arrays[name + "/landm"].as<double>());
  }
  cv::Mat padded;
  recorded none(golden.draws["crop0"]);
  apply(pad_to_square{}.draw(none, {image.rows, image.cols}, std::span<const face>{}), image,
        padded);
  CHECK(greatest_difference(padded, golden.image("pad_to_square/out")) == 0);
}

TEST_CASE("Where no crop suits the picture stays whole, as the reference's", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const golden_data golden;
  const cv::Mat image = golden.image("image");
  const extent2 size{image.rows, image.cols};
  random_square_crop stage;
  stage.last_offset = false;
  const auto row = golden.arrays["crop_fail/targets"].as<double>();
  REQUIRE(row.size() == 15);
  std::vector<face> faces(1);
  faces[0].bounds = {float(row[0]), float(row[1]), float(row[2]), float(row[3])};

  // Only the first draws are recorded; those of the last window stop halfway.
  nlohmann::json draws = golden.draws["crop_fail"];
  while (draws.back().at(0) != "choice") draws.erase(draws.size() - 1);
  draws.erase(draws.size() - 1);
  stage.tries = int(std::count_if(draws.begin(), draws.end(),
                                  [](const nlohmann::json& d) { return d.at(0) == "choice"; }));
  REQUIRE(stage.tries > 1);
  recorded some(draws);
  const auto gave_up = stage.draw(some, size, std::span<const face>(faces));
  CHECK(some.all_used());
  // And with all its tries, whatever is drawn.
  stage.tries = random_square_crop{}.tries;
  CHECK(stage.tries == golden.arrays["crop_fail/tries"].as<std::int64_t>().at(0));
  keyed_random any(1, 2, 3);
  const auto drawn = stage.draw(any, size, std::span<const face>(faces));
  for (const window& whole : {gave_up, drawn}) {
    CHECK(whole.left == 0);
    CHECK(whole.top == 0);
    CHECK(whole.size == size);
    cv::Mat out;
    apply(whole, image, out);
    CHECK(greatest_difference(out, image) == 0);
    auto moved = faces;
    whole.map(moved, size);
    REQUIRE(moved.size() == 1);
    for (std::size_t c = 0; c < 4; ++c) CHECK(moved[0].bounds[c] == faces[0].bounds[c]);
  }
  CHECK(golden.arrays["crop_fail/pad_flag"].as<std::uint8_t>().at(0) == 1);
}

TEST_CASE("Mirrors and sizes as the reference's", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const golden_data golden;
  const cv::Mat image = golden.image("image");
  const extent2 size{image.rows, image.cols};
  for (int i = 0; i < 4; ++i) {
    const std::string name = "mirror" + std::to_string(i);
    recorded random(golden.draws[name]);
    const auto drawn = random_mirror{}.draw(random, size, std::span<const face>{});
    cv::Mat out;
    apply(drawn, image, out);
    CHECK(greatest_difference(out, golden.image(name + "/image")) == 0);
    auto moved = golden.faces();
    drawn.map(moved, size);
    check_faces(moved, golden.arrays[name + "/boxes"].as<double>(),
                golden.arrays[name + "/landm"].as<double>());
  }
  const std::array names{"LINEAR", "CUBIC", "AREA", "NEAREST", "LANCZOS4"};
  for (const std::string from : {"192sq", "86sq"})
    for (std::size_t k = 0; k < names.size(); ++k) {
      cv::Mat out;
      apply(resize{{160, 160}, resize_kernel(k)}, golden.image("resize_src_" + from), out);
      CHECK(greatest_difference(out, golden.image("resize_" + from + "_to160/" + names[k])) <= 1);
    }
}

TEST_CASE("The whole pipeline as the reference's", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const golden_data golden;
  const cv::Mat image = golden.image("image");
  augmentation_buffers buffers;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "preproc" + std::to_string(i);
    INFO(name);
    const recorded random(golden.draws[name]);
    auto faces = golden.faces();
    const auto plan =
        reference_retinaface_augmentation(160).draw(random, {image.rows, image.cols}, faces);
    CHECK(random.all_used());
    std::vector<float> planes(3 * 160 * 160);
    to_planes(apply(plan, image, buffers), pixel_format{}, planes.data());
    const auto expected = golden.arrays[name + "/image"].as<float>();
    double worst = 0;
    for (std::size_t p = 0; p < planes.size(); ++p)
      worst = std::max(worst, double(std::abs(planes[p] - expected[p])));
    CHECK(worst <= 1);
    const auto rows = golden.arrays[name + "/targets"].as<double>();
    std::vector<double> boxes, points;
    for (std::size_t r = 0; r < rows.size(); r += 15) {
      boxes.insert(boxes.end(), &rows[r], &rows[r] + 4);
      points.insert(points.end(), &rows[r] + 4, &rows[r] + 14);
    }
    check_faces(faces, boxes, points, 160);
  }
}
