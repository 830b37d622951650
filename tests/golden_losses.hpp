// SPDX-License-Identifier: Apache-2.0
// What the peers' code says that losses are, and their gradients, case by case, with the formula of
// ours that is to say the same: whatever runs formulas compares them all.
//
//   each_golden_loss(golden, [&]<std::size_t Width>(const golden_loss& expected, width<Width>,
//                                                   const auto& formula) { ... });
//
// formula(x, given) is the loss of a row: x[0] to x[Width - 1] are what was said, given[0], ...
// what should have been, all of one T.
#pragma once

#include "npz.hpp"

#include <retinue/formulas/cross_entropy.hpp>
#include <retinue/formulas/distribution_focal.hpp>
#include <retinue/formulas/focal.hpp>
#include <retinue/formulas/keypoint_similarity.hpp>
#include <retinue/formulas/overlap_losses.hpp>
#include <retinue/formulas/residual.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue::test {

template <std::size_t N>
using width = std::integral_constant<std::size_t, N>;

/// Of one case: rows of numbers, one row after the other.
struct golden_loss {
  std::string name;
  std::size_t rows = 0, said_width = 0, given_width = 0;
  std::vector<double> said, given;
  std::vector<double> value, slope;     ///< (rows), (rows, said_width): computed in double
  std::vector<float> value32, slope32;  ///< the same in float; empty where the case has none
  double rounding = 1e-9;               ///< how far ours may be, relative to the row
  double rounding32 = 1e-5;

  [[nodiscard]] double scale(std::size_t row) const
  {
    double most = 1;
    for (std::size_t c = 0; c < said_width; ++c)
      most = std::max(most, std::abs(slope[row * said_width + c]));
    return std::max(most, std::abs(value[row]));
  }
};

namespace detail {

inline std::vector<double> doubles(const array& a)
{
  if (a.type == "f8") return a.as<double>();
  std::vector<double> all;
  if (a.type == "f4")
    for (const float x : a.as<float>()) all.push_back(static_cast<double>(x));
  else
    for (const std::int32_t x : a.as<std::int32_t>()) all.push_back(x);
  return all;
}

/// Values come as a column, or as a number for each element, which are added up by row.
template <class T>
std::vector<T> by_row(const std::vector<T>& all, std::size_t rows)
{
  std::vector<T> sums(rows);
  const std::size_t each = all.size() / rows;
  for (std::size_t i = 0; i < rows * each; ++i) sums[i / each] += all[i];
  return sums;
}

inline golden_loss read(const npz& golden, const std::string& name, std::size_t rows,
                        std::vector<double> said, std::vector<double> given)
{
  golden_loss g{name,
                rows,
                said.size() / rows,
                given.size() / rows,
                std::move(said),
                std::move(given),
                {},
                {},
                {},
                {}};
  g.value = by_row(golden[name + "/value_f64"].as<double>(), rows);
  g.slope = golden[name + "/grad_f64"].as<double>();
  g.value32 = by_row(golden[name + "/value_f32"].as<float>(), rows);
  g.slope32 = golden[name + "/grad_f32"].as<float>();
  return g;
}

/// Two tables side by side.
inline std::vector<double> beside(const std::vector<double>& a, const std::vector<double>& b,
                                  std::size_t rows)
{
  std::vector<double> both;
  const std::size_t m = a.size() / rows, n = b.size() / rows;
  for (std::size_t i = 0; i < rows; ++i) {
    both.insert(both.end(), &a[i * m], &a[i * m] + m);
    both.insert(both.end(), &b[i * n], &b[i * n] + n);
  }
  return both;
}

template <class Row>
using number_of = std::remove_cvref_t<decltype(std::declval<const Row&>()[0])>;

template <class Row>
auto box_at(const Row& x)
{
  return box<number_of<Row>>{x[0], x[1], x[2], x[3]};
}

template <std::size_t N, std::size_t Width, class Row>
auto points_at(const Row& x, std::size_t first)
{
  landmarks<number_of<Row>, schemas::points<N>> points;
  for (std::size_t c = 0; c < 2 * N; ++c) points[c] = x[first + c];
  return points;
}

template <std::size_t N, class Visit>
void keypoints(const npz& golden, const Visit& visit)
{
  const std::string name = "oks_kpt_loss_K" + std::to_string(N);
  const auto pred = golden[name + "/pred"].as<double>(),
             target = golden[name + "/target"].as<double>(),
             mask = golden[name + "/mask"].as<double>(), area = golden[name + "/area"].as<double>(),
             sigmas = golden[name + "/sigmas"].as<double>();
  const auto slope = golden[name + "/grad_f64"].as<double>();
  const std::size_t rows = area.size();
  golden_loss g{name, rows, 2 * N, 3 * N + 1, {}, {}, {}, {}, {}, {}};
  g.rounding = 1e-7;  // theirs has sigmas in float
  keypoint_loss<schemas::points<N>> loss;
  std::copy(sigmas.begin(), sigmas.end(), loss.sigmas.begin());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < N; ++k)
      for (std::size_t c = 0; c < 2; ++c) {
        g.said.push_back(pred[(i * N + k) * 3 + c]);
        g.slope.push_back(slope[(i * N + k) * 3 + c] * static_cast<double>(rows));
      }
    for (std::size_t k = 0; k < N; ++k)
      for (std::size_t c = 0; c < 2; ++c) g.given.push_back(target[(i * N + k) * 3 + c]);
    g.given.insert(g.given.end(), &mask[i * N], &mask[i * N] + N);
    g.given.push_back(area[i]);
  }
  // The mean over all objects is all that is said of values.
  g.value.assign(1, golden[name + "/value_f64"].as<double>()[0] * static_cast<double>(rows));
  visit(g, width<2 * N>{}, [loss](const auto& x, const auto& given) {
    using T = number_of<decltype(given)>;
    std::array<T, N> visible{};
    for (std::size_t k = 0; k < N; ++k) visible[k] = given[2 * N + k];
    return loss(points_at<N, 2 * N>(x, 0), points_at<N, 2 * N>(given, 0), visible, T(given[3 * N]));
  });
}

}  // namespace detail

/// Calls visit(golden_loss, width, formula) for all of losses.npz that have a formula here.
template <class Visit>
void each_golden_loss(const npz& golden, const Visit& visit)
{
  using detail::read, detail::doubles, detail::beside, detail::box_at;

  const auto logits = golden["cls_inputs/logits"].as<double>(),
             onehot = golden["cls_inputs/onehot"].as<double>(),
             quality = golden["cls_inputs/quality"].as<double>();
  std::vector<double> target = onehot;
  for (std::size_t i = 0; i < target.size(); ++i) target[i] *= quality[i / 5];
  const auto logit_cost = [&](const char* name, const auto& cost, const std::vector<double>& want) {
    visit(read(golden, name, logits.size(), logits, want), width<1>{},
          [cost](const auto& x, const auto& given) { return cost(x[0], given[0]); });
  };
  logit_cost("sigmoid_focal_mm_a.25_g2", sigmoid_focal{}, onehot);
  logit_cost("sigmoid_focal_tv_a.25_g2", sigmoid_focal{}, onehot);
  logit_cost("sigmoid_focal_tv_a-1_g1.5", sigmoid_focal{-1, 1.5}, onehot);
  logit_cost("vfl_mm_a.75_g2", varifocal{}, target);
  logit_cost("vfl_mm_noiou", varifocal{.by_quality = false}, target);

  {  // a sum over columns of means over rows; the objects of no quality weigh nothing there
    auto g = read(golden, "vfl_ul_a.75_g2", 1, {}, {});
    const std::vector<double> slope = g.slope;
    g.slope.clear(), g.value[0] *= 48, g.value32.clear(), g.slope32.clear();
    g.rows = 0, g.said_width = g.given_width = 1;
    g.rounding = 1e-6;  // computed in float
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (onehot[i] > 0 && !(target[i] > 0)) continue;
      ++g.rows;
      g.said.push_back(logits[i]), g.given.push_back(target[i]), g.slope.push_back(slope[i] * 48);
    }
    visit(g, width<1>{},
          [](const auto& x, const auto& given) { return varifocal{}(x[0], given[0]); });
  }

  for (const char* name : {"qfl_beta2", "qfl_tensor_beta2"})
    visit(read(golden, name, 48, logits, target), width<5>{}, [](const auto& x, const auto& given) {
      auto sum = quality_focal{}(x[0], given[0]);
      for (std::size_t c = 1; c < 5; ++c) sum = sum + quality_focal{}(x[c], given[c]);
      return sum;
    });

  {  // of a probability: the slope by its logit is p (1 - p) times as much
    const auto prob = golden["gaussian_focal_a2_g4/prob"].as<double>();
    std::vector<double> x;
    for (const double p : prob) x.push_back(std::log(p / (1 - p)));
    auto g = read(golden, "gaussian_focal_a2_g4", prob.size(), x,
                  golden["gaussian_focal_a2_g4/target"].as<double>());
    for (std::size_t i = 0; i < prob.size(); ++i) g.slope[i] *= prob[i] * (1 - prob[i]);
    g.value32.clear(), g.slope32.clear();
    visit(g, width<1>{},
          [](const auto& y, const auto& given) { return gaussian_focal{}(y[0], given[0]); });
  }

  visit(read(golden, "dfl_rm16", 40, golden["dfl_rm16/logits"].as<double>(),
             golden["dfl_rm16/target"].as<double>()),
        width<17>{},
        [](const auto& x, const auto& given) { return distribution_focal(x, given[0]); });

  {  // means over the four sides of a box, with targets that end before the last whole number
    std::vector<double> lengths = golden["dfl_ul_rm16/target"].as<double>();
    for (double& t : lengths) t = std::min(t, 14.99);
    auto g = read(golden, "dfl_ul_rm16", 10, golden["dfl_ul_rm16/logits"].as<double>(), lengths);
    g.value32.clear(), g.slope32.clear();
    visit(g, width<64>{}, [](const auto& x, const auto& given) {
      using T = detail::number_of<decltype(given)>;
      T sum = fill_like(given[0], 0);
      for (std::size_t side = 0; side < 4; ++side)
        sum = sum + distribution_focal(std::span(x).subspan(side * 16, 16), given[side]);
      return T(sum * scalar_of_t<T>(0.25));
    });
  }

  const auto boxes = [&](const char* name, const auto& loss, double epsilon) {
    auto g = read(golden, name, 42, golden["box_pairs/pred"].as<double>(),
                  golden["box_pairs/target"].as<double>());
    // What theirs adds to a divisor changes a box of half a pixel most.
    g.rounding += 4 * epsilon;
    visit(g, width<4>{},
          [loss](const auto& x, const auto& given) { return loss(box_at(x), box_at(given)); });
  };
  boxes("iou_mm_log", log_iou_loss{}, 0);
  boxes("iou_mm_linear", iou_loss{}, 2.6e-7);  // theirs never says less than 1e-6
  boxes("iou_mm_square", square_iou_loss{}, 0);
  boxes("giou_mm", giou_loss{}, 0);
  boxes("diou_mm", diou_loss{}, 1e-7);
  boxes("ciou_mm", ciou_loss{.from = 0.5}, 1e-7);
  boxes("eiou_mm_extended", extended_iou_loss{}, 1e-7);
  boxes("siou_mm", siou_loss{.falling = true}, 1e-7);
  boxes("biou_mm", bounded_iou_loss{.epsilon = 1e-3}, 0);
  boxes("giou_tv", giou_loss{}, 1e-7);
  boxes("diou_tv", diou_loss{}, 1e-7);
  boxes("ciou_tv", ciou_loss{}, 1e-7);
  boxes("giou_ul", giou_loss{}, 1e-7);
  boxes("diou_ul", diou_loss{}, 1e-7);
  boxes("ciou_ul", ciou_loss{}, 1e-7);
  boxes("eiou_efficient_paper", eiou_loss{}, 1e-7);

  const auto residuals = [&](const char* name, const auto& loss) {
    const auto pred = golden["reg_pairs/pred"].as<double>();
    auto g = read(golden, name, pred.size(), pred, golden["reg_pairs/target"].as<double>());
    if (std::same_as<std::remove_cvref_t<decltype(loss)>,
                     l1>)  // theirs falls where there is no way down
      for (std::size_t i = 0; i < g.rows; ++i)
        if (g.said[i] == g.given[i]) g.slope[i] = 0, g.slope32[i] = 0;
    visit(g, width<1>{}, [loss](const auto& x, const auto& given) {
      using T = detail::number_of<decltype(given)>;
      return loss.value(T(x[0] - given[0]));
    });
  };
  residuals("smooth_l1_mm_b1", smooth_l1{});
  residuals("smooth_l1_mm_b0.11", smooth_l1{0.11});
  residuals("smooth_l1_mm_b0.1111", smooth_l1{1.0 / 9});
  residuals("smooth_l1_mm_b0.01", smooth_l1{0.01});
  residuals("smooth_l1_torch_b1", smooth_l1{});
  residuals("smooth_l1_torch_b0", l1{});
  residuals("balanced_l1_mm", balanced_l1{});
  residuals("balanced_l1_mm_b.11", balanced_l1{.beta = 0.11});

  const auto pixels = [&](const std::string& name, const auto& loss) {
    const auto pred = golden[name + "/pred"].as<double>();
    visit(read(golden, name, pred.size(), pred, golden[name + "/target"].as<double>()), width<1>{},
          [loss](const auto& x, const auto& given) { return loss(x[0], given[0]); });
  };
  pixels("wing_w10_e2", [](const auto& x, const auto& t) {
    using T = std::remove_cvref_t<decltype(t)>;
    return wing{10, 2}.value(T(x - t));
  });
  pixels("adaptive_wing", adaptive_wing{});

  detail::keypoints<17>(golden, visit);
  detail::keypoints<5>(golden, visit);

  struct smoothed {
    std::string of;
    double smoothing;
    bool weighted;
  };
  for (const smoothed& way : {smoothed{"ce_ls0.1", 0.1, false}, smoothed{"ce_ls0", 0, false},
                              smoothed{"ce_ls0.1_weighted", 0.1, true}}) {
    const std::string& of = way.of;
    const auto x = golden[of + "/logits"].as<double>();
    const auto labels = golden[of + "/labels"].as<std::int32_t>();
    const auto weights = golden[of + "/weight"].as<double>();
    auto all = read(golden, of, labels.size(), x, doubles(golden[of + "/labels"]));
    for (std::size_t label = 0; label < 6; ++label) {  // a formula is of one label
      golden_loss g{of, 0, 6, 1, {}, {}, {}, {}, {}, {}};
      for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] != static_cast<std::int32_t>(label)) continue;
        ++g.rows;
        g.said.insert(g.said.end(), &all.said[i * 6], &all.said[i * 6] + 6);
        g.given.push_back(static_cast<double>(label));
        g.value.push_back(all.value[i]), g.value32.push_back(all.value32[i]);
        g.slope.insert(g.slope.end(), &all.slope[i * 6], &all.slope[i * 6] + 6);
        g.slope32.insert(g.slope32.end(), &all.slope32[i * 6], &all.slope32[i * 6] + 6);
      }
      visit(g, width<6>{}, [=](const auto& row, const auto&) {
        return smoothed_cross_entropy(
            row, label, way.smoothing,
            way.weighted ? std::span<const double>(weights) : std::span<const double>());
      });
    }
  }
}

}  // namespace retinue::test
