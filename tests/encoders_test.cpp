// SPDX-License-Identifier: Apache-2.0
#include "catch.hpp"
#include "formula_laws.hpp"
#include "npz.hpp"
#include "shared.hpp"

#include <retinue/backend/eigen.hpp>
#include <retinue/backend/packet.hpp>
#include <retinue/backend/transpose.hpp>
#include <retinue/formulas/any_coder.hpp>
#include <retinue/formulas/coders.hpp>
#include <retinue/formulas/deltas.hpp>
#include <retinue/formulas/distances.hpp>
#include <retinue/formulas/distributions.hpp>
#include <retinue/formulas/dual.hpp>
#include <retinue/formulas/overlap.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

using namespace retinue;

TEMPLATE_TEST_CASE("a coder's decode inverts its encode, for numbers and packets", "",
                   RETINUE_TEST_SCHEMAS)
{
  test::check_coder<float, TestType>();
  test::check_coder<double, TestType>();
  test::check_coder<test::packet, TestType>();
}

TEMPLATE_TEST_CASE("decode inverts encode for coders of distances, deltas and distributions", "",
                   RETINUE_TEST_SCHEMAS)
{
  test::check_other_coders<float, TestType>();
  test::check_other_coders<double, TestType>();
  test::check_other_coders<test::packet, TestType>();
}

TEST_CASE("a coder by deltas with one deviation for centres and one for sizes is centre_size_coder")
{
  test::drawing draw;
  const delta_coder ours{.stds = {0.1, 0.1, 0.2, 0.2}};
  for (int round = 0; round < 100; ++round) {
    const auto anchor = draw.centre<double>();
    const auto truth = draw.corners<double>();
    test::require_near(ours.encode(truth, anchor), centre_size_coder().encode(truth, anchor),
                       1e-13);
    const auto o = draw.any<offsets<double>>(-5, 5);
    test::require_near(ours.decode(o, anchor), centre_size_coder().decode(o, anchor), 1e-13);
  }
  const centre_box<double> unit{0, 0, 1, 1};
  const auto small = ours.decode(offsets<double>{0, 0, -1e9, 1e9}, unit);
  CHECK(std::abs(small.x2 - small.x1 - 16.0 / 1000) < 1e-12);
  CHECK(std::abs(small.y2 - small.y1 - 1000.0 / 16) < 1e-9);
}

TEMPLATE_TEST_CASE("a coder that is chosen at run time codes as the one that it holds", "", float,
                   packet<float>)
{
  const auto of = [](float value) {
    if constexpr (std::floating_point<TestType>)
      return value;
    else
      return TestType::all(value);
  };
  const box<TestType> truth{of(1.5f), of(2), of(11), of(9)};
  const centre_box<TestType> anchor{of(6), of(5), of(8), of(10)};
  landmarks<TestType, schemas::plate4> marks;
  for (std::size_t k = 0; k < 4; ++k) marks.points[k] = {of(float(2 * k)), of(float(k * k))};
  const auto same = [](const auto& a, const auto& b) {
    for (std::size_t i = 0; i < a.width; ++i)
      if constexpr (std::floating_point<TestType>)
        CHECK(a[i] == b[i]);
      else
        for (std::size_t lane = 0; lane < TestType::lanes; ++lane) CHECK(a[i][lane] == b[i][lane]);
  };
  const auto compare = [&](const auto& held) {
    const any_coder any = held;
    const auto code = held.encode(truth, anchor);
    same(any.encode(truth, anchor), code);
    same(any.decode(any.encode(truth, anchor), anchor), held.decode(code, anchor));
    same(any.encode(marks, anchor), held.encode(marks, anchor));
    same(any.decode(any.encode(marks, anchor), anchor),
         held.decode(held.encode(marks, anchor), anchor));
  };
  compare(centre_size_coder{.centre = 0.3, .size = 0.4});
  compare(delta_coder{.means = {0.1, 0.2, 0.3, 0.4}, .stds = {0.1, 0.2, 0.3, 0.4}});
  compare(distance_coder{});
  compare(distance_coder{.logarithmic = true});
}

TEST_CASE("a distribution's distance is the mean of its bins, and lies between the outermost")
{
  const distribution_coder<5> coder;
  const centre_box<double> anchor{10, 20, 8, 8};
  distributions<double, 5> flat, sure;
  sure.side[0][3] = sure.side[1][0] = sure.side[2][4] = sure.side[3][1] = 1e3;
  test::require_near(coder.decode(flat, anchor), {10 - 16.0, 20 - 16.0, 10 + 16.0, 20 + 16.0},
                     1e-12);
  test::require_near(coder.decode(sure, anchor), {10 - 24.0, 20.0, 10 + 32.0, 20 + 8.0}, 1e-12);
  // What lies beyond the last bin, or on the other side of the point, is cut.
  const box<double> far{0, 24, 100, 30};
  test::require_near(coder.within(far, anchor), distances<double>{1.25, 0, 4, 1.25}, 1e-12);
  test::require_near(coder.decode(coder.encode(far, anchor), anchor), {0, 20, 42, 30}, 1e-9);
  // D-FINE's: symmetric around half a side, rising, from -a to 1 + a.
  const auto fine = distribution_coder<33>::d_fine();
  CHECK(fine.at[16] == 0.5);
  CHECK(std::abs(fine.at[0] + 0.5) < 1e-12);
  for (std::size_t i = 0; i + 1 < 33; ++i) {
    CHECK(fine.at[i] < fine.at[i + 1]);
    CHECK(std::abs(fine.at[i] + fine.at[32 - i] - 1) < 1e-12);
  }
}

TEST_CASE("overlap is what its definition says, for numbers and packets")
{
  test::check_overlap<float>();
  test::check_overlap<double>();
  test::check_overlap<test::packet>();
}

namespace retinue::test {
template <>
struct value<retinue::packet<float>> {
  static constexpr std::size_t rows = retinue::packet<float>::lanes;
  static retinue::packet<float> from(const std::vector<double>& numbers)
  {
    retinue::packet<float> p;
    for (std::size_t i = 0; i < rows; ++i) p.lane[i] = static_cast<float>(numbers[i]);
    return p;
  }
  static double at(const retinue::packet<float>& v, std::size_t row)
  {
    return static_cast<double>(v.lane[row]);
  }
};

template <>
struct value<dual<float, 4>> {
  static constexpr std::size_t rows = 1;
  static dual<float, 4> from(const std::vector<double>& numbers)
  {
    return {static_cast<float>(numbers[0]), {}};
  }
  static double at(const dual<float, 4>& v, std::size_t) { return static_cast<double>(v.value); }
};
}  // namespace retinue::test

TEST_CASE("overlap is the same bit for bit, for numbers, packets and numbers with slopes")
{
  test::check_rounding<float>();
  test::check_rounding<test::packet>();
  test::check_rounding<packet<float>>();
  test::check_rounding<dual<float, 4>>();
}

namespace {

/// Whether exp and log of a packet are those of each of its numbers; counts where they are not.
template <class Packet>
std::size_t apart(const std::vector<float>& numbers)
{
  constexpr std::size_t n = sizeof(Packet) / sizeof(float);
  std::size_t count = 0;
  for (std::size_t i = 0; i + n <= numbers.size(); i += n) {
    Packet x;
    std::memcpy(x.data(), &numbers[i], sizeof x);
    Packet grown, logs;
    {
      using retinue::detail::exp, retinue::detail::log;
      grown = exp(x);
      logs = log(x);
    }
    for (std::size_t k = 0; k < n; ++k) {
      float one = numbers[i + k], log_of_one = one;
      retinue::detail::raise(one);
      retinue::detail::take_log(log_of_one);
      count += std::memcmp(&one, grown.data() + k, sizeof one) != 0 && !std::isnan(one);
      count +=
          std::memcmp(&log_of_one, logs.data() + k, sizeof one) != 0 && !std::isnan(log_of_one);
      count += std::isnan(one) != std::isnan(grown.data()[k]);
      count += std::isnan(log_of_one) != std::isnan(logs.data()[k]);
    }
  }
  return count;
}

}  // namespace

TEST_CASE("exp and log have the same bits in every packet, and are what they are called")
{
  test::drawing draw;
  std::vector<float> numbers{0.0f,
                             -0.0f,
                             1.0f,
                             -104.0f,
                             -103.9f,
                             88.7f,
                             88.73f,
                             89.0f,
                             1e30f,
                             -1e30f,
                             1e-40f,
                             1e-45f,
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()};
  for (const std::uint32_t payload : {0x7fc00000u, 0xffc00000u, 0x7f800155u, 0x7fffffffu})
    numbers.push_back(std::bit_cast<float>(payload));
  while (numbers.size() < 40000) numbers.push_back(static_cast<float>(draw.between(-110, 95)));

  double worst_exp = 0, worst_log = 0;
  for (const float x : numbers) {
    float grown = x, log_of_x = x;
    retinue::detail::raise(grown);
    retinue::detail::take_log(log_of_x);
    CAPTURE(x, grown, log_of_x);
    const double e = std::exp(static_cast<double>(x)), l = std::log(static_cast<double>(x));
    REQUIRE(std::isnan(grown) == std::isnan(x));
    REQUIRE(std::isnan(log_of_x) == std::isnan(l));
    if (e > std::numeric_limits<float>::max())
      REQUIRE(std::isinf(grown));
    else if (e < 1.2e-38)  // less than a normal number
      REQUIRE(std::abs(static_cast<double>(grown) - e) < 2e-45);
    else if (!std::isnan(x))
      worst_exp = std::max(worst_exp, std::abs(static_cast<double>(grown) / e - 1));
    if (std::isinf(l))
      REQUIRE(static_cast<double>(log_of_x) == l);
    else if (!std::isnan(l) && l != 0)
      worst_log = std::max(worst_log, std::abs(static_cast<double>(log_of_x) / l - 1));
  }
  const double rounding = std::ldexp(1.0, -24);
  CAPTURE(worst_exp / rounding, worst_log / rounding);
  CHECK(worst_exp < 2 * rounding);
  CHECK(worst_log < 3 * rounding);

  const std::size_t packets =
      apart<Eigen::Array<float, 4, 1>>(numbers) + apart<Eigen::Array<float, 8, 1>>(numbers) +
      apart<Eigen::Array<float, 16, 1>>(numbers) + apart<Eigen::Array<float, 3, 1>>(numbers) +
      apart<packet<float>>(numbers);
#if defined(__FMA__)
  SUCCEED("products of packets are fused here: " << packets << " differ in the last bit");
#else
  CHECK(packets == 0);
#endif
}

TEST_CASE("a hand-computed box and landmark")
{
  const centre_size_coder coder;
  const centre_box<double> anchor{0.5, 0.5, 0.2, 0.4};
  const box<double> truth{0.45, 0.3, 0.65, 0.9};  // centre (0.55, 0.6), sides 0.2 and 0.6
  const auto o = coder.encode(truth, anchor);
  CHECK(std::abs(o.dx - 2.5) < 1e-12);
  CHECK(std::abs(o.dy - 2.5) < 1e-12);
  CHECK(std::abs(o.dw) < 1e-12);
  CHECK(std::abs(o.dh - 5 * std::log(1.5)) < 1e-12);
  const landmarks<double, schemas::points<1>> mark{{{{0.48, 0.7}}}};
  const auto l = coder.encode(mark, anchor);
  CHECK(std::abs(l.points[0][0] + 1) < 1e-12);
  CHECK(std::abs(l.points[0][1] - 5) < 1e-12);
}

TEST_CASE("a third coordinate is coded in anchor widths")
{
  using mesh = schemas::points<2, 3>;
  const centre_size_coder coder;
  const centre_box<double> anchor{0.5, 0.5, 0.2, 0.4};
  const landmarks<double, mesh> marks{{{{0.5, 0.5, 0.02}, {0.6, 0.3, -0.1}}}};
  const auto o = coder.encode(marks, anchor);
  CHECK(std::abs(o.points[0][2] - 1) < 1e-12);
  const auto back = coder.decode(o, anchor);
  CHECK(std::abs(back.points[1][2] + 0.1) < 1e-12);
}

TEMPLATE_TEST_CASE("what an untrained network says stays finite", "", float, double, test::packet)
{
  using T = TestType;
  const auto all = [](double v) {
    return test::value<T>::from(std::vector<double>(test::value<T>::rows, v));
  };
  const centre_box<T> anchor{all(0.5), all(0.5), all(0.2), all(0.2)};
  for (const double huge : {1e3, 1e30, std::numeric_limits<double>::infinity()}) {
    const offsets<T> o{all(0), all(0), all(huge), all(-huge)};
    const auto b = test::row_of(centre_size_coder().decode(o, anchor), 0);
    CHECK(std::abs(b.x2 - b.x1 - 0.2 * 1000 / 16) < 1e-4);
    CHECK(std::abs(b.y2 - b.y1) < 1e-4);
  }
  const offsets<T> o{all(0), all(0), all(1e6), all(0)};
  CHECK(std::isinf(test::row_of(centre_size_coder::unclamped().decode(o, anchor), 0).x1));
}

TEST_CASE("boxes without area overlap nothing, and nothing is NaN")
{
  const box<float> flat{1, 1, 1, 5}, point{2, 2, 2, 2}, square{0, 0, 4, 4};
  for (const auto& a : {flat, point})
    for (const auto& b : {flat, point, square}) {
      CHECK(iou(a, b) == 0);
      CHECK(std::isfinite(giou(a, b)));
      CHECK(std::isfinite(diou(a, b)));
      CHECK(std::isfinite(ciou(a, b)));
    }
}

TEST_CASE("clipping keeps what lies inside")
{
  CHECK(clip(box<float>{-3, 2, 12, 9}, 10.0f, 8.0f) == box<float>{0, 2, 10, 8});
  const auto inside = std::numeric_limits<float>::infinity();
  CHECK(clip(box<float>{-inside, 2, inside, 3}, 10.0f, 8.0f) == box<float>{0, 2, 10, 3});
}

namespace {
template <class R>
std::vector<R> records(const test::array& a)
{
  const auto values = a.as<typename R::value_type>();
  std::vector<R> all(values.size() / R::width);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t c = 0; c < R::width; ++c) all[i][c] = values[i * R::width + c];
  return all;
}

template <class R>
double worst(const std::vector<R>& ours, const std::vector<R>& golden)
{
  REQUIRE(ours.size() == golden.size());
  double most = 0;
  for (std::size_t i = 0; i < ours.size(); ++i)
    for (std::size_t c = 0; c < R::width; ++c) {
      const double a = ours[i][c], b = golden[i][c];
      most = std::max(most, std::abs(a - b) / std::max(1.0, std::abs(b)));
    }
  return most;
}

template <class R, class F, class... In>
std::vector<R> mapped(const F& f, const std::vector<In>&... in)
{
  std::vector<R> out(std::min({in.size()...}));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = f(in[i]...);
  return out;
}

struct encode {
  centre_size_coder coder;
  auto operator()(const auto& truth, const auto& anchor) const
  {
    return coder.encode(truth, anchor);
  }
};
struct decode {
  centre_size_coder coder;
  auto operator()(const auto& o, const auto& anchor) const { return coder.decode(o, anchor); }
};
}  // namespace

TEST_CASE("the coder equals the reference, number by number and in packets", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/box_ops.npz"));
  using marks = landmarks<float, schemas::face5>;
  using mark_offsets = landmark_offsets<float, schemas::face5>;
  const auto anchors = records<centre_box<float>>(golden["priors"]);
  const auto truths = records<box<float>>(golden["boxes"]);
  const auto points = records<marks>(golden["landms"]);

  CHECK(worst(mapped<offsets<float>>(encode{}, truths, anchors),
              records<offsets<float>>(golden["encode"])) <= 1e-6);
  CHECK(worst(mapped<mark_offsets>(encode{}, points, anchors),
              records<mark_offsets>(golden["encode_landm"])) == 0);

#ifdef __FP_FAST_FMAF  // decoding adds to a product, which rounds once where both are one step
  constexpr double one_rounding = 1.2e-7;
#else
  constexpr double one_rounding = 0;
#endif
  const auto loc = records<offsets<float>>(golden["loc"]);
  const auto pull = records<mark_offsets>(golden["landm_pred"]);
  const auto boxes = records<box<float>>(golden["decode"]);
  const auto placed = records<marks>(golden["decode_landm"]);
  CHECK(worst(mapped<box<float>>(decode{}, loc, anchors), boxes) <= 1e-6);
  CHECK(worst(mapped<marks>(decode{}, pull, anchors), placed) <= one_rounding);

  // The same through the Eigen backend, from rows as a network writes them.
  const auto raw = golden["loc"].as<float>(), raw_points = golden["landm_pred"].as<float>();
  const eigen_backend backend;
  columns<centre_box<float>> table(anchors);
  columns<box<float>> found;
  columns<marks> found_points;
  backend.map(decode{}, found, rows<offsets<float>>(raw.data(), loc.size()), table);
  backend.map(decode{}, found_points, rows<mark_offsets>(raw_points.data(), pull.size()), table);
  std::vector<box<float>> host;
  std::vector<marks> host_points;
  backend.fetch(found, host);
  backend.fetch(found_points, host_points);
  CHECK(worst(host, boxes) <= 1e-6);
  CHECK(worst(host_points, placed) <= 1e-6);

  CHECK(worst(mapped<box<float>>([](const auto& a) { return to_corners(a); }, anchors),
              records<box<float>>(golden["point_form"])) == 0);
}

TEST_CASE("double coding equals the reference in double", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/box_ops.npz"));
  const auto widened = [](const auto& all) {
    using R = std::decay_t<decltype(all[0])>;
    std::vector<rebind_t<R, double>> out(all.size());
    for (std::size_t i = 0; i < all.size(); ++i)
      for (std::size_t c = 0; c < R::width; ++c) out[i][c] = all[i][c];
    return out;
  };
  const auto anchors = widened(records<centre_box<float>>(golden["priors"]));
  const auto truths = widened(records<box<float>>(golden["boxes"]));
  const auto loc = widened(records<offsets<float>>(golden["loc"]));
  CHECK(worst(mapped<offsets<double>>(encode{}, truths, anchors),
              records<offsets<double>>(golden["encode_f64"])) <= 1e-12);
  CHECK(worst(mapped<box<double>>(decode{}, loc, anchors),
              records<box<double>>(golden["decode_f64"])) <= 1e-12);
}

TEST_CASE("without the clamp, huge offsets overflow exactly as the reference's do", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/box_ops.npz"));
  const auto loc = records<offsets<float>>(golden["loc_extreme"]);
  auto anchors = records<centre_box<float>>(golden["priors"]);
  anchors.resize(loc.size());
  const auto expected = golden["decode_extreme"].as<float>();
  const auto compatible = mapped<box<float>>(decode{centre_size_coder::unclamped()}, loc, anchors);
  const auto ours = mapped<box<float>>(decode{}, loc, anchors);
  for (std::size_t i = 0; i < loc.size(); ++i)
    for (std::size_t c = 0; c < 4; ++c) {
      CAPTURE(i, c, loc[i][2], loc[i][3]);
      const float want = expected[i * 4 + c], got = compatible[i][c];
      if (std::isnan(want))
        CHECK(std::isnan(got));
      else if (std::isinf(want))
        CHECK(got == want);
      else
        CHECK(std::abs(got - want) <= 2e-6f * std::max(1.0f, std::abs(want)));
      if (!std::isnan(loc[i][2]) && !std::isnan(loc[i][3])) CHECK(std::isfinite(ours[i][c]));
    }
}

TEST_CASE("overlap equals the reference's tables", "[shared]")
{
  RETINUE_NEEDS_SHARED();
  const test::npz golden(test::shared("golden/box_ops.npz"));
  const columns<box<float>> a(records<box<float>>(golden["iou_a"])),
      b(records<box<float>>(golden["iou_b"]));
  const eigen_backend backend;
  columns<number<float>> table;
  const auto differs = [&](const char* name) {
    const auto expected = golden[name].as<float>();
    REQUIRE(table.size() == expected.size());
    float most = 0;
    for (std::size_t i = 0; i < table.size(); ++i)
      most = std::max(most, std::abs(table[i].value - expected[i]));
    return most;
  };
  const auto pairs = [&](const auto& measure) {
    backend.map([&]<class T>(const box<T>& x, const box<T>& y) { return number<T>{measure(x, y)}; },
                table, backend.across(a), b);
  };
  pairs(iou_of<>{});
  CHECK(differs("jaccard") <= 1e-7f);
  CHECK(differs("tv_box_iou") <= 1e-6f);
  pairs([](const auto& x, const auto& y) { return intersection(x, y); });
  CHECK(differs("intersect") <= 1e-7f);

  const auto fa = records<box<double>>(golden["iof_a"]), fb = records<box<double>>(golden["iof_b"]);
  const auto iofs = golden["matrix_iof"].as<double>(), ious = golden["matrix_iou"].as<double>();
  for (std::size_t i = 0; i < fa.size(); ++i)
    for (std::size_t j = 0; j < fb.size(); ++j) {
      // The reference divides iof by max(area, 1), which is iof for boxes of a pixel or more (D2).
      CHECK(std::abs(iof(fa[i], fb[j]) * area(fa[i]) / std::max(area(fa[i]), 1.0) -
                     iofs[i * fb.size() + j]) <= 1e-12);
      CHECK(std::abs(iou(fa[i], fb[j]) - ious[i * fb.size() + j]) <= 1e-12);
    }
}

namespace {

/// Every number of so many rows, of that width, is where it belongs.
template <std::size_t Lanes, std::size_t Width>
bool turns_rows()
{
  std::vector<float> rows(Lanes * Width);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i) + 0.5f;
  std::array<std::array<float, Lanes>, Width> columns{};
  retinue::detail::transpose_rows<Lanes, Width>(rows.data(),
                                                [&](std::size_t c) { return columns[c].data(); });
  for (std::size_t c = 0; c < Width; ++c)
    for (std::size_t lane = 0; lane < Lanes; ++lane)
      if (columns[c][lane] != rows[lane * Width + c]) return false;
  return true;
}

}  // namespace

TEST_CASE("rows become columns, whatever their width and however many are taken at once")
{
  [&]<std::size_t... Width>(std::index_sequence<Width...>) {
    CHECK((turns_rows<4, Width + 1>() && ...));
    CHECK((turns_rows<8, Width + 1>() && ...));
    CHECK((turns_rows<12, Width + 1>() && ...));
    CHECK((turns_rows<16, Width + 1>() && ...));
  }(std::make_index_sequence<14>());
}
