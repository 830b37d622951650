// SPDX-License-Identifier: Apache-2.0
// Operators of LibTorch that compute, each written as its counterpart in ONNX, for models/onnx.hpp.
//
// One function for each sort of operator; the order of its arguments is ATen's.
#pragma once

#include <retinue/models/onnx_graph.hpp>   // graph
#include <retinue/models/onnx_record.hpp>  // node, argument, sizes
#include <retinue/weights/onnx.hpp>        // onnx_attribute

#include <torch/torch.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue::detail::onnx {

inline void convolution(graph& to, const node& n)
{
  if (argument(n, 6).toBool()) refuse(n, "is transposed, which has no translation");
  const integers weight = sizes(n.input(1));
  if (weight.size() != 4) refuse(n, "has other than two directions");
  const integers padding = numbers(n, 4, 2);
  std::vector<std::string> inputs{to.name(n.input(0)), to.name(n.input(1))};
  if (!n.input(2)->mustBeNone()) inputs.push_back(to.name(n.input(2)));
  to.add(n, "Conv", std::move(inputs),
         {{"kernel_shape", integers{weight[2], weight[3]}},
          {"strides", numbers(n, 3, 2)},
          {"pads", integers{padding[0], padding[1], padding[0], padding[1]}},
          {"dilations", numbers(n, 5, 2)},
          {"group", integer(n, 8)}});
}

inline void normalization(graph& to, const node& n)
{
  if (argument(n, 5).toBool()) refuse(n, "is in training mode");
  const integers channels = sizes(n.input(3));
  const auto given = [&](std::size_t i, double otherwise) {
    return n.input(i)->mustBeNone() ? to.weight(at::full(channels, otherwise))
                                    : to.name(n.input(i));
  };
  to.add(n, "BatchNormalization",
         {to.name(n.input(0)), given(1, 1), given(2, 0), to.name(n.input(3)), to.name(n.input(4))},
         {{"epsilon", static_cast<float>(argument(n, 7).toDouble())}});
}

/// Of groups of channels. The set of operators has none for it, and reshaping would need the size
/// of the map: means of channels become those of their groups by a convolution of one cell, which
/// has the same weight for each channel of a group.
inline void group_normalization(graph& to, const node& n)
{
  const integers extents = sizes(n.input(0));
  if (extents.size() != 4) refuse(n, "is of other than maps");
  const std::int64_t channels = extents[1], groups = integer(n, 1), each = channels / groups;
  const auto epsilon = argument(n, 4).toDouble();
  const std::string x = to.name(n.input(0)), of = to.result(n.output());
  const auto step = [&](const char* type, std::vector<std::string> inputs, const char* made,
                        std::vector<onnx_attribute> attributes = {}) {
    to.add(onnx_node{type, std::move(inputs), {of + made}, std::move(attributes)});
    return of + made;
  };
  const auto mean_of_group = [&](const std::string& map, double sign, double more,
                                 const char* of_channels, const char* made) {
    const std::string mean = step("ReduceMean", {map}, of_channels,
                                  {{"axes", integers{2, 3}}, {"keepdims", std::int64_t{1}}});
    const at::Tensor shares =
        at::full({channels, each, 1, 1}, sign / static_cast<double>(each), at::kFloat);
    return step("Conv", {mean, to.weight(shares), to.weight(at::full({channels}, more))}, made,
                {{"kernel_shape", integers{1, 1}}, {"group", groups}});
  };
  const auto factor = [&](std::size_t i) {
    const auto known = to.known_value(n.input(i));
    if (!known || !known->isTensor()) refuse(n, "has a scale that is computed");
    return to.weight(known->toTensor().reshape({1, channels, 1, 1}));
  };
  const std::string centred =
      step("Add", {x, mean_of_group(x, -1, 0, "_means", "_centre")}, "_centred");
  const std::string square = step("Mul", {centred, centred}, "_square");
  const std::string spread = mean_of_group(square, 1, epsilon, "_squares", "_variance");
  std::string scale = step("Pow", {spread, to.weight(-0.5)}, "_scale");
  if (!n.input(2)->mustBeNone()) scale = step("Mul", {scale, factor(2)}, "_weighed");
  if (n.input(3)->mustBeNone()) return to.add(n, "Mul", {centred, scale});
  to.add(n, "Add", {step("Mul", {centred, scale}, "_scaled"), factor(3)});
}

inline void unary(graph& to, const node& n)
{
  std::string type = n.operation();
  type[0] = static_cast<char>(type[0] - 'a' + 'A');
  to.add(n, type, {to.name(n.input(0))});
}

inline void gated(graph& to, const node& n)
{
  const std::string x = to.name(n.input(0)), gate = to.result(n.output()) + "_gate";
  to.add(onnx_node{"Sigmoid", {x}, {gate}});
  to.add(n, "Mul", {x, gate});
}

inline void leaky(graph& to, const node& n)
{
  to.add(n, "LeakyRelu", {to.name(n.input(0))},
         {{"alpha", static_cast<float>(argument(n, 1).toScalar().toDouble())}});
}

/// ONNX broadcasts from the last axis, LibTorch puts slopes on the second.
inline void learnt_slope(graph& to, const node& n)
{
  const auto slopes = torch::jit::toIValue(n.input(1));
  if (!slopes) refuse(n, "has slopes that are computed");
  integers shape(sizes(n.input(0)).size() - 1, 1);
  shape[0] = -1;
  to.add(n, "PRelu", {to.name(n.input(0)), to.weight(slopes->toTensor().reshape(shape))});
}

inline void bounds(graph& to, const node& n)
{
  std::vector<onnx_attribute> attributes;
  const auto bound = [&](const char* which, double number) {
    attributes.push_back({which, static_cast<float>(number)});
  };
  if (n.inputs() == 1) {  // relu6
    bound("min", 0);
    bound("max", 6);
  } else {
    for (const std::size_t i : {1, 2})
      if (!n.input(i)->mustBeNone())
        bound(i == 1 ? "min" : "max", argument(n, i).toScalar().toDouble());
  }
  to.add(n, "Clip", {to.name(n.input(0))}, std::move(attributes));
}

inline void softmax(graph& to, const node& n)
{
  const std::size_t rank = sizes(n.input(0)).size();
  const std::int64_t last = static_cast<std::int64_t>(rank) - 1;
  if (axis(n, 1, rank) != last) refuse(n, "is over an axis that is not the last");
  to.add(n, "Softmax", {to.name(n.input(0))}, {{"axis", last}});
}

/// A tensor, or a number, which LibTorch also has as a tensor without axes.
[[nodiscard]] inline std::string operand(graph& to, const node& n, std::size_t i)
{
  const auto known = constant(n.input(i));
  if (known && known->isScalar()) return to.weight(argument(n, i).toScalar().toDouble());
  if (known && known->isTensor() && known->toTensor().dim() == 0)
    return to.weight(known->toTensor().item<double>());
  return to.name(n.input(i));
}

inline void arithmetic(graph& to, const node& n)
{
  if (n.inputs() > 2) {
    const at::IValue factor = argument(n, 2);
    if (!factor.isScalar() || factor.toScalar().toDouble() != 1)
      refuse(n, "has a factor other than 1, or rounds");
  }
  std::string type = n.operation();
  type[0] = static_cast<char>(type[0] - 'a' + 'A');
  to.add(n, type, {operand(to, n, 0), operand(to, n, 1)});
}
inline void reduction(graph& to, const node& n)
{
  const auto rank = static_cast<std::int64_t>(sizes(n.input(0)).size());
  if (n.inputs() < 3) refuse(n, "is over all axes");
  integers axes = argument(n, 1).toIntVector();
  for (std::int64_t& a : axes) a += a < 0 ? rank : 0;
  to.add(n, n.operation() == "sum" ? "ReduceSum" : "ReduceMean", {to.name(n.input(0))},
         {{"axes", axes}, {"keepdims", std::int64_t(argument(n, 2).toBool())}});
}

inline void pooling(graph& to, const node& n)
{
  const bool largest = n.operation() == "max_pool2d";
  const integers kernel = numbers(n, 1, 2), padding = numbers(n, 3, 2);
  integers strides = numbers(n, 2, 2);
  if (strides.empty()) strides = kernel;
  std::vector<onnx_attribute> attributes{
      {"kernel_shape", kernel},
      {"strides", strides},
      {"pads", integers{padding[0], padding[1], padding[0], padding[1]}}};
  const bool rounded_up = argument(n, largest ? 5 : 4).toBool();
  if (largest && numbers(n, 4, 2) != integers{1, 1}) refuse(n, "is dilated");
  if (!largest && rounded_up) refuse(n, "rounds its size up");
  // OpenCV 4.6 was off by 0.36 where padding counted, and not where it did not.
  if (!largest && argument(n, 5).toBool() && padding != integers{0, 0})
    refuse(n, "counts its padding as cells");
  if (rounded_up) attributes.push_back({"ceil_mode", std::int64_t(1)});
  to.add(n, largest ? "MaxPool" : "AveragePool", {to.name(n.input(0))}, std::move(attributes));
}

inline void global_pooling(graph& to, const node& n)
{
  if (numbers(n, 1, 2) != integers{1, 1}) refuse(n, "gives more than one cell");
  to.add(n, "GlobalAveragePool", {to.name(n.input(0))});
}

/// Where both records have one whole factor, or where there is only one size.
inline void enlargement(graph& to, const node& n)
{
  const integers from = sizes(n.input(0)), made = sizes(n.output());
  const integers other_from = sizes(n.second->inputs().at(0)),
                 other_to = sizes(n.second->outputs().at(0));
  std::vector<float> scales{1, 1};
  for (const std::size_t i : {2, 3}) {
    if (made[i] % from[i] == 0 && made[i] / from[i] * other_from[i] == other_to[i]) {
      scales.push_back(static_cast<float>(made[i] / from[i]));
      continue;
    }
    if (made[i] != other_to[i])
      refuse(n,
             "enlarges by no whole number: ask for pictures of one size, or of larger multiples");
    // A runtime gives floor(from * scale) cells and reads cell floor(i / scale).
    const float scale = (static_cast<float>(made[i]) + 0.25f) / static_cast<float>(from[i]);
    for (std::int64_t cell = 0; cell < made[i]; ++cell)
      if (static_cast<std::int64_t>(static_cast<float>(cell) / scale) != cell * from[i] / made[i])
        refuse(n, "enlarges " + std::to_string(from[i]) + " cells to " + std::to_string(made[i]) +
                      ", which no factor does");
    scales.push_back(scale);
  }
  to.add(n, "Resize", {to.name(n.input(0)), to.weight(at::tensor(scales))},
         {{"mode", std::string("nearest")}});
}

}  // namespace retinue::detail::onnx
