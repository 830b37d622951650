// SPDX-License-Identifier: Apache-2.0
// The ONNX graph that a translation has made so far, for models/onnx.hpp: which tensor of the
// record has which name, constants, and operators in their order.
#pragma once

#include <retinue/error.hpp>               // fail
#include <retinue/models/load.hpp>         // host_copy
#include <retinue/models/onnx_record.hpp>  // node
#include <retinue/weights/onnx.hpp>        // onnx_model

#include <torch/torch.h>

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace retinue::detail::onnx {

/// Grows operator by operator.
class graph {
 public:
  /// `state` are the parameters that keep their names; it outlives this.
  explicit graph(const std::vector<std::pair<std::string, at::Tensor>>& state) : state_(state) {}

  [[nodiscard]] onnx_model take() && { return std::move(made_); }

  /// An input of the file.
  void take_input(const node_value& v, const std::string& name)
  {
    names_[v.first] = name;
    made_.inputs.push_back({name, extents(v.first, v.second)});
  }
  /// What will be an output of the file, once it is made.
  void want_output(const node_value& v, const std::string& name)
  {
    names_.emplace(v.first, name);
    made_.outputs.push_back({name, extents(v.first, v.second)});
  }

  /// Whether a tensor has a name already, as outputs of the file have.
  [[nodiscard]] bool has_name(const value* v) const { return names_.contains(v); }
  /// From now on it is another name of a tensor that there is.
  void call(const value* v, std::string name) { names_[v] = std::move(name); }

  /// The name of a tensor: what an operator made, or a constant, which is written at its first use.
  [[nodiscard]] std::string name(const value* v)
  {
    if (const auto at = names_.find(v); at != names_.end()) return at->second;
    const auto said = known_value(v);
    if (!said || !said->isTensor())
      fail("the network cannot be written as ONNX: ", v->node()->kind().toQualString(),
           " gives something that is no tensor");
    return names_[v] = weight(said->toTensor());
  }

  [[nodiscard]] std::string weight(const at::Tensor& tensor)
  {
    for (const auto& [name, mine] : state_)
      if (mine.data_ptr() == tensor.data_ptr() && mine.sizes() == tensor.sizes() &&
          mine.strides() == tensor.strides()) {
        if (!made_.weights.find(name)) made_.weights.insert(name, host_copy(tensor));
        return name;
      }
    std::string fresh = "constant_" + std::to_string(made_.weights.size());
    made_.weights.insert(fresh, host_copy(tensor));
    return fresh;
  }
  [[nodiscard]] std::string weight(const integers& list) { return weight(at::tensor(list)); }
  [[nodiscard]] std::string weight(double number)
  {
    return weight(at::full({1}, number, at::kFloat));
  }

  /// The name of what a node gives.
  [[nodiscard]] std::string result(const value* v)
  {
    const auto [at, fresh] = names_.try_emplace(v, "");
    if (fresh) at->second = "map_" + std::to_string(names_.size());
    return at->second;
  }

  /// An operator whose result is that of the node.
  void add(const node& n, std::string type, std::vector<std::string> inputs,
           std::vector<onnx_attribute> attributes = {})
  {
    made_.nodes.push_back(
        {std::move(type), std::move(inputs), {result(n.output())}, std::move(attributes)});
  }

  /// One between.
  void add(onnx_node made) { made_.nodes.push_back(std::move(made)); }

  /// What depends on constants alone is computed now.
  [[nodiscard]] bool evaluate(const node& n)
  {
    if (n.first->outputs().size() != 1) return false;
    std::array<at::IValue, 2> results;
    for (std::size_t r = 0; r < 2; ++r) {
      torch::jit::Node* const each = r == 0 ? n.first : n.second;
      torch::jit::Stack stack;
      for (const value* input : each->inputs()) {
        const auto said = known_value(input);
        if (!said) return false;
        stack.push_back(*said);
      }
      each->getOperation()(stack);
      results[r] = stack.at(0);
      if (!results[r].isTensor()) return false;
    }
    const at::Tensor made = results[0].toTensor();
    if (made.sizes() != results[1].toTensor().sizes() || !at::equal(made, results[1].toTensor()))
      refuse(n, "makes a constant that depends on the size of the input");
    known_[n.output()] = made;
    known_[n.second->outputs().at(0)] = made;
    return true;
  }

  /// A constant of the record, or what was computed from such.
  [[nodiscard]] std::optional<at::IValue> known_value(const value* v) const
  {
    const auto at = known_.find(v);
    return at == known_.end() ? constant(v) : std::optional(at->second);
  }

 private:
  const std::vector<std::pair<std::string, at::Tensor>>& state_;
  std::map<const value*, std::string> names_;
  std::map<const value*, at::IValue> known_;  // computed from constants, by record
  onnx_model made_;
};

}  // namespace retinue::detail::onnx
