// SPDX-License-Identifier: Apache-2.0
// Operators of LibTorch that only move numbers, each written as its counterpart in ONNX, for
// models/onnx.hpp.
#pragma once

#include <retinue/models/onnx_graph.hpp>   // graph
#include <retinue/models/onnx_record.hpp>  // node, argument, sizes
#include <retinue/weights/onnx.hpp>        // onnx_attribute

#include <torch/torch.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace retinue::detail::onnx {

inline void concatenation(graph& to, const node& n)
{
  std::vector<std::string> inputs;
  for (const value* each : n.input(0)->node()->inputs()) inputs.push_back(to.name(each));
  to.add(n, "Concat", std::move(inputs), {{"axis", axis(n, 1, sizes(n.output()).size())}});
}

inline void part(graph& to, const node& n)
{
  const std::int64_t along = axis(n, 1, sizes(n.input(0)).size());
  const std::int64_t end =
      std::min<std::int64_t>(argument(n, 3).isNone() ? INT32_MAX : integer(n, 3), INT32_MAX);
  const std::int64_t begin = argument(n, 2).isNone() ? 0 : integer(n, 2);
  to.add(n, "Slice",
         {to.name(n.input(0)), to.weight(integers{begin}), to.weight(integers{end}),
          to.weight(integers{along}), to.weight(integers{integer(n, 4)})});
}

/// The tensors of a list that was cut from one.
inline void parts(graph& to, const node& n)
{
  const node cut{n.first->inputs().at(0)->node(), n.second->inputs().at(0)->node()};
  const std::string operation = cut.operation();
  if (!operation.starts_with("split") && operation != "chunk") refuse(cut, "has no translation");
  onnx_node made{"Split", {to.name(cut.input(0))}, {}};
  const std::int64_t along = axis(cut, 2, sizes(cut.input(0)).size());
  integers lengths;
  for (std::size_t i = 0; i < n.first->outputs().size(); ++i) {
    const value* const each = n.first->outputs()[i];
    made.outputs.push_back(to.result(each));
    lengths.push_back(sizes(each).at(static_cast<std::size_t>(along)));
    if (sizes(n.second->outputs()[i]).at(static_cast<std::size_t>(along)) != lengths.back())
      refuse(cut, "depends on the size of the input");
  }
  made.attributes = {{"axis", along}, {"split", lengths}};
  to.add(std::move(made));
}

inline void permutation(graph& to, const node& n)
{
  const auto rank = static_cast<std::int64_t>(sizes(n.input(0)).size());
  integers order;
  if (n.operation() == "permute") {
    order = argument(n, 1).toIntVector();
    for (std::int64_t& a : order) a += a < 0 ? rank : 0;
  } else {
    for (std::int64_t a = 0; a < rank; ++a) order.push_back(a);
    const auto at = [&](std::size_t i) {
      return static_cast<std::size_t>(axis(n, i, static_cast<std::size_t>(rank)));
    };
    std::swap(order[at(1)], order[at(2)]);
  }
  to.add(n, "Transpose", {to.name(n.input(0))}, {{"perm", order}});
}

/// Extents that differ between the records stay as they are at that place (0), or are what is
/// left (-1).
inline void shape(graph& to, const node& n)
{
  const integers from = sizes(n.input(0)), made = sizes(n.output());
  const integers other_from = sizes(n.second->inputs().at(0)),
                 other_to = sizes(n.second->outputs().at(0));
  integers target;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (i < other_to.size() && made[i] == other_to[i])
      target.push_back(made[i]);
    else if (i < from.size() && i < other_from.size() && from[i] == made[i] &&
             i < other_to.size() && other_from[i] == other_to[i])
      target.push_back(0);
    else
      target.push_back(-1);
  }
  if (std::count(target.begin(), target.end(), -1) > 1)
    refuse(n, "has more than one extent that depends on the size of the input");
  to.add(n, "Reshape", {to.name(n.input(0)), to.weight(target)});
}

inline void nothing(graph& to, const node& n)
{
  if (to.has_name(n.output()))  // one of the network's outputs
    to.add(n, "Identity", {to.name(n.input(0))});
  else
    to.call(n.output(), to.name(n.input(0)));
}

}  // namespace retinue::detail::onnx
