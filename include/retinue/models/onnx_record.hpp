// SPDX-License-Identifier: Apache-2.0
// What LibTorch recorded of a network's forward, for models/onnx.hpp.
//
// A record holds numbers where forward computed them from the size of its input. So there are two,
// of inputs of different sizes, which are read side by side: what they agree on is a constant.
#pragma once

#include <retinue/error.hpp>  // fail

#include <torch/csrc/jit/ir/constants.h>  // toIValue
#include <torch/csrc/jit/ir/ir.h>         // Graph
#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

namespace retinue::detail::onnx {

using record = std::shared_ptr<torch::jit::Graph>;
using value = torch::jit::Value;
using integers = std::vector<std::int64_t>;

/// A tensor, in both records.
struct node_value {
  const value* first;
  const value* second;
};

/// A call of an operator, in both records.
struct node {
  torch::jit::Node* first;
  torch::jit::Node* second;

  [[nodiscard]] std::string operation() const
  {
    const std::string name = first->kind().toUnqualString();
    return name.ends_with('_') ? name.substr(0, name.size() - 1) : name;
  }
  [[nodiscard]] std::size_t inputs() const { return first->inputs().size(); }
  [[nodiscard]] const value* input(std::size_t i) const { return first->inputs().at(i); }
  [[nodiscard]] const value* output() const { return first->outputs().at(0); }
};

[[noreturn]] inline void refuse(const node& n, const std::string& why)
{
  fail("the network cannot be written as ONNX: its operator ", n.first->kind().toQualString(), ' ',
       why);
}

[[nodiscard]] inline integers sizes(const value* v)
{
  const auto type = v->type()->cast<c10::TensorType>();
  if (type)
    if (const auto known = type->sizes().concrete_sizes()) return *known;
  fail("the network cannot be written as ONNX: a tensor has no size in its record");
}

[[nodiscard]] inline std::optional<at::IValue> constant(const value* v)
{
  if (const auto known = torch::jit::toIValue(v)) return *known;
  if (v->node()->kind() != c10::prim::ListConstruct) return std::nullopt;
  const auto element = v->type()->expect<c10::ListType>()->getElementType();
  if (element->kind() == c10::TypeKind::TensorType) return std::nullopt;
  c10::impl::GenericList list(element);
  for (const value* each : v->node()->inputs()) {
    const auto one = constant(each);
    if (!one) return std::nullopt;
    list.push_back(*one);
  }
  return list;
}

/// Argument i, which must be known and the same in both records.
[[nodiscard]] inline at::IValue argument(const node& n, std::size_t i)
{
  const auto a = constant(n.first->inputs().at(i)), b = constant(n.second->inputs().at(i));
  if (!a || !b) refuse(n, "has an argument that is computed");
  std::ostringstream first, second;
  first << *a;
  second << *b;
  if (first.str() != second.str()) refuse(n, "depends on the size of the input");
  return *a;
}
[[nodiscard]] inline std::int64_t integer(const node& n, std::size_t i)
{
  return argument(n, i).toInt();
}
/// One for each of `count` directions; a single one stands for all.
[[nodiscard]] inline integers numbers(const node& n, std::size_t i, std::size_t count)
{
  integers list = argument(n, i).toIntVector();
  if (list.size() == 1) list.resize(count, list.front());
  return list;
}
/// An axis counted from the first.
[[nodiscard]] inline std::int64_t axis(const node& n, std::size_t i, std::size_t rank)
{
  const std::int64_t said = integer(n, i);
  return said < 0 ? said + static_cast<std::int64_t>(rank) : said;
}

/// A shape, of which extents that differ between the records have names.
[[nodiscard]] inline std::vector<std::variant<std::int64_t, std::string>> extents(const value* a,
                                                                                  const value* b)
{
  static constexpr std::array<const char*, 4> picture{"batch", "channels", "height", "width"};
  std::vector<std::variant<std::int64_t, std::string>> shape;
  const integers one = sizes(a), other = sizes(b);
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (i < other.size() && one[i] == other[i])
      shape.emplace_back(one[i]);
    else
      shape.emplace_back(i == 0 ? "batch" : one.size() == 4 ? picture[i] : "rows");
  }
  return shape;
}

}  // namespace retinue::detail::onnx
