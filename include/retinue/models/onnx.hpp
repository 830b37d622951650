// SPDX-License-Identifier: Apache-2.0
// A trained network as ONNX, for runtimes other than LibTorch.
//
//   write_onnx("faces.onnx", onnx_of(*net));
//
// The network is not described a second time: LibTorch records which operators its forward calls,
// and each of these is written as its counterpart in ONNX. So any network can be written, one of a
// user's too, if `onnx_translation` knows its operators.
//
// A record holds numbers where forward computed them from the size of its input. Two records are
// made therefore, of inputs of different sizes: what they agree on is a constant, what they do not
// must be an extent that the file's reader can find again, or else the network is refused.
//
//   input     images (batch, 3, height, width), as `forward` takes them
//   outputs   scores, boxes, points, quality, those that the network has, as `forward` gives them
#pragma once

#include <retinue/error.hpp>           // fail
#include <retinue/geometry.hpp>        // extent2
#include <retinue/models/load.hpp>     // named_state, host_copy
#include <retinue/models/network.hpp>  // detection_network
#include <retinue/models/runner.hpp>   // copy_of
#include <retinue/weights/onnx.hpp>    // onnx_model

#include <torch/csrc/jit/frontend/tracer.h>  // trace
#include <torch/csrc/jit/ir/constants.h>     // toIValue
#include <torch/csrc/jit/ir/ir.h>            // Graph
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace retinue {

/// The pictures that a file is made for; a batch of them may have any length.
struct onnx_pictures {
  /// The one size that they have. {0, 0}: any whose sides are multiples of `multiple`, for which
  /// each map must be an exact multiple of the next.
  extent2 size{0, 0};
  int multiple = 32;
};

namespace detail {

/// Two records of one network, its inputs of different sizes, translated operator by operator.
class onnx_translation {
 public:
  using record = std::shared_ptr<torch::jit::Graph>;

  /// `outputs` are the names of what the records return.
  onnx_translation(record first, record second, const std::vector<std::string>& outputs,
                   const std::vector<std::pair<std::string, at::Tensor>>& state)
      : first_(std::move(first)), second_(std::move(second)), state_(state)
  {
    names_[first_->inputs().at(0)] = "images";
    made_.inputs = {{"images", extents(first_->inputs().at(0), second_->inputs().at(0))}};
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      names_.emplace(first_->outputs().at(i), outputs[i]);
      made_.outputs.push_back(
          {outputs[i], extents(first_->outputs().at(i), second_->outputs().at(i))});
    }
    auto a = first_->nodes().begin(), b = second_->nodes().begin();
    for (; a != first_->nodes().end() && b != second_->nodes().end(); ++a, ++b) {
      if (a->kind() != b->kind() || a->inputs().size() != b->inputs().size()) break;
      translate({*a, *b});
    }
    if (a != first_->nodes().end() || b != second_->nodes().end())
      fail("the network cannot be written as ONNX: what it does depends on the size of its input");
  }

  [[nodiscard]] onnx_model take() && { return std::move(made_); }

 private:
  using value = torch::jit::Value;
  using integers = std::vector<std::int64_t>;
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
  using translator = void (onnx_translation::*)(const node&);

  /// Every operator that can be written. What is not here is refused by its name.
  static const std::map<std::string_view, translator>& translators()
  {
    using self = onnx_translation;
    static const std::map<std::string_view, translator> all{
        {"_convolution", &self::convolution},
        {"convolution", &self::convolution},
        {"batch_norm", &self::normalization},
        {"relu", &self::unary},
        {"sigmoid", &self::unary},
        {"tanh", &self::unary},
        {"exp", &self::unary},
        {"sqrt", &self::unary},
        {"silu", &self::gated},
        {"leaky_relu", &self::leaky},
        {"prelu", &self::learnt_slope},
        {"relu6", &self::bounds},
        {"hardtanh", &self::bounds},
        {"clamp", &self::bounds},
        {"softmax", &self::softmax},
        {"add", &self::arithmetic},
        {"sub", &self::arithmetic},
        {"mul", &self::arithmetic},
        {"div", &self::arithmetic},
        {"pow", &self::arithmetic},
        {"sum", &self::reduction},
        {"mean", &self::reduction},
        {"max_pool2d", &self::pooling},
        {"avg_pool2d", &self::pooling},
        {"adaptive_avg_pool2d", &self::global_pooling},
        {"upsample_nearest2d", &self::enlargement},
        {"cat", &self::concatenation},
        {"slice", &self::part},
        {"permute", &self::permutation},
        {"transpose", &self::permutation},
        {"reshape", &self::shape},
        {"view", &self::shape},
        {"flatten", &self::shape},
        {"unsqueeze", &self::shape},
        {"squeeze", &self::shape},
        {"contiguous", &self::nothing},
        {"clone", &self::nothing},
        {"detach", &self::nothing},
        {"dropout", &self::nothing},
    };
    return all;
  }

  void translate(const node& n)
  {
    const std::string kind = n.first->kind().toQualString();
    if (kind == "prim::ListUnpack") return parts(n);
    // Lists and what makes them are read where they are used.
    if (kind.starts_with("prim::") || kind == "aten::split" || kind == "aten::split_with_sizes" ||
        kind == "aten::chunk")
      return;
    if (evaluate(n)) return;
    const auto at = translators().find(n.operation());
    if (!kind.starts_with("aten::") || at == translators().end()) refuse(n, "has no translation");
    (this->*at->second)(n);
  }

  [[noreturn]] static void refuse(const node& n, const std::string& why)
  {
    fail("the network cannot be written as ONNX: its operator ", n.first->kind().toQualString(),
         ' ', why);
  }

  // What the records say.

  [[nodiscard]] static integers sizes(const value* v)
  {
    const auto type = v->type()->cast<c10::TensorType>();
    if (type)
      if (const auto known = type->sizes().concrete_sizes()) return *known;
    fail("the network cannot be written as ONNX: a tensor has no size in its record");
  }

  [[nodiscard]] static std::optional<at::IValue> constant(const value* v)
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
  [[nodiscard]] static at::IValue argument(const node& n, std::size_t i)
  {
    const auto a = constant(n.first->inputs().at(i)), b = constant(n.second->inputs().at(i));
    if (!a || !b) refuse(n, "has an argument that is computed");
    std::ostringstream first, second;
    first << *a;
    second << *b;
    if (first.str() != second.str()) refuse(n, "depends on the size of the input");
    return *a;
  }
  [[nodiscard]] static std::int64_t integer(const node& n, std::size_t i)
  {
    return argument(n, i).toInt();
  }
  /// One for each of `count` directions; a single one stands for all.
  [[nodiscard]] static integers numbers(const node& n, std::size_t i, std::size_t count)
  {
    integers list = argument(n, i).toIntVector();
    if (list.size() == 1) list.resize(count, list.front());
    return list;
  }
  /// An axis counted from the first.
  [[nodiscard]] static std::int64_t axis(const node& n, std::size_t i, std::size_t rank)
  {
    const std::int64_t said = integer(n, i);
    return said < 0 ? said + static_cast<std::int64_t>(rank) : said;
  }

  /// A shape, of which extents that differ between the records have names.
  [[nodiscard]] static std::vector<std::variant<std::int64_t, std::string>> extents(const value* a,
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

  // What is written.

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

  void add(const node& n, std::string type, std::vector<std::string> inputs,
           std::vector<onnx_attribute> attributes = {})
  {
    made_.nodes.push_back(
        {std::move(type), std::move(inputs), {result(n.output())}, std::move(attributes)});
  }

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

  // One function for each sort of operator; the order of its arguments is ATen's.

  void convolution(const node& n)
  {
    if (argument(n, 6).toBool()) refuse(n, "is transposed, which has no translation");
    const integers weight = sizes(n.input(1));
    if (weight.size() != 4) refuse(n, "has other than two directions");
    const integers padding = numbers(n, 4, 2);
    std::vector<std::string> inputs{name(n.input(0)), name(n.input(1))};
    if (!n.input(2)->mustBeNone()) inputs.push_back(name(n.input(2)));
    add(n, "Conv", std::move(inputs),
        {{"kernel_shape", integers{weight[2], weight[3]}},
         {"strides", numbers(n, 3, 2)},
         {"pads", integers{padding[0], padding[1], padding[0], padding[1]}},
         {"dilations", numbers(n, 5, 2)},
         {"group", integer(n, 8)}});
  }

  void normalization(const node& n)
  {
    if (argument(n, 5).toBool()) refuse(n, "is in training mode");
    const integers channels = sizes(n.input(3));
    const auto given = [&](std::size_t i, double otherwise) {
      return n.input(i)->mustBeNone() ? weight(at::full(channels, otherwise)) : name(n.input(i));
    };
    add(n, "BatchNormalization",
        {name(n.input(0)), given(1, 1), given(2, 0), name(n.input(3)), name(n.input(4))},
        {{"epsilon", static_cast<float>(argument(n, 7).toDouble())}});
  }

  void unary(const node& n)
  {
    std::string type = n.operation();
    type[0] = static_cast<char>(type[0] - 'a' + 'A');
    add(n, type, {name(n.input(0))});
  }

  void gated(const node& n)
  {
    const std::string x = name(n.input(0)), gate = result(n.output()) + "_gate";
    made_.nodes.push_back({"Sigmoid", {x}, {gate}});
    add(n, "Mul", {x, gate});
  }

  void leaky(const node& n)
  {
    add(n, "LeakyRelu", {name(n.input(0))},
        {{"alpha", static_cast<float>(argument(n, 1).toScalar().toDouble())}});
  }

  /// ONNX broadcasts from the last axis, LibTorch puts slopes on the second.
  void learnt_slope(const node& n)
  {
    const auto slopes = torch::jit::toIValue(n.input(1));
    if (!slopes) refuse(n, "has slopes that are computed");
    integers shape(sizes(n.input(0)).size() - 1, 1);
    shape[0] = -1;
    add(n, "PRelu", {name(n.input(0)), weight(slopes->toTensor().reshape(shape))});
  }

  void bounds(const node& n)
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
    add(n, "Clip", {name(n.input(0))}, std::move(attributes));
  }

  void softmax(const node& n)
  {
    const std::size_t rank = sizes(n.input(0)).size();
    const std::int64_t last = static_cast<std::int64_t>(rank) - 1;
    if (axis(n, 1, rank) != last) refuse(n, "is over an axis that is not the last");
    add(n, "Softmax", {name(n.input(0))}, {{"axis", last}});
  }

  void arithmetic(const node& n)
  {
    if (n.inputs() > 2) {
      const at::IValue factor = argument(n, 2);
      if (!factor.isScalar() || factor.toScalar().toDouble() != 1)
        refuse(n, "has a factor other than 1, or rounds");
    }
    std::string type = n.operation();
    type[0] = static_cast<char>(type[0] - 'a' + 'A');
    add(n, type, {operand(n, 0), operand(n, 1)});
  }
  /// A tensor, or a number, which LibTorch also has as a tensor without axes.
  [[nodiscard]] std::string operand(const node& n, std::size_t i)
  {
    const auto known = constant(n.input(i));
    if (known && known->isScalar()) return weight(argument(n, i).toScalar().toDouble());
    if (known && known->isTensor() && known->toTensor().dim() == 0)
      return weight(known->toTensor().item<double>());
    return name(n.input(i));
  }

  void reduction(const node& n)
  {
    const auto rank = static_cast<std::int64_t>(sizes(n.input(0)).size());
    if (n.inputs() < 3) refuse(n, "is over all axes");
    integers axes = argument(n, 1).toIntVector();
    for (std::int64_t& a : axes) a += a < 0 ? rank : 0;
    add(n, n.operation() == "sum" ? "ReduceSum" : "ReduceMean", {name(n.input(0))},
        {{"axes", axes}, {"keepdims", std::int64_t(argument(n, 2).toBool())}});
  }

  void pooling(const node& n)
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
    add(n, largest ? "MaxPool" : "AveragePool", {name(n.input(0))}, std::move(attributes));
  }

  void global_pooling(const node& n)
  {
    if (numbers(n, 1, 2) != integers{1, 1}) refuse(n, "gives more than one cell");
    add(n, "GlobalAveragePool", {name(n.input(0))});
  }

  /// Where both records have one whole factor, or where there is only one size.
  void enlargement(const node& n)
  {
    const integers from = sizes(n.input(0)), to = sizes(n.output());
    const integers other_from = sizes(n.second->inputs().at(0)),
                   other_to = sizes(n.second->outputs().at(0));
    std::vector<float> scales{1, 1};
    for (const std::size_t i : {2, 3}) {
      if (to[i] % from[i] == 0 && to[i] / from[i] * other_from[i] == other_to[i]) {
        scales.push_back(static_cast<float>(to[i] / from[i]));
        continue;
      }
      if (to[i] != other_to[i])
        refuse(n,
               "enlarges by no whole number: ask for pictures of one size, or of larger multiples");
      // A runtime gives floor(from * scale) cells and reads cell floor(i / scale).
      const float scale = (static_cast<float>(to[i]) + 0.25f) / static_cast<float>(from[i]);
      for (std::int64_t cell = 0; cell < to[i]; ++cell)
        if (static_cast<std::int64_t>(static_cast<float>(cell) / scale) != cell * from[i] / to[i])
          refuse(n, "enlarges " + std::to_string(from[i]) + " cells to " + std::to_string(to[i]) +
                        ", which no factor does");
      scales.push_back(scale);
    }
    add(n, "Resize", {name(n.input(0)), weight(at::tensor(scales))},
        {{"mode", std::string("nearest")}});
  }

  void concatenation(const node& n)
  {
    std::vector<std::string> inputs;
    for (const value* each : n.input(0)->node()->inputs()) inputs.push_back(name(each));
    add(n, "Concat", std::move(inputs), {{"axis", axis(n, 1, sizes(n.output()).size())}});
  }

  void part(const node& n)
  {
    const std::int64_t along = axis(n, 1, sizes(n.input(0)).size());
    const std::int64_t end =
        std::min<std::int64_t>(argument(n, 3).isNone() ? INT32_MAX : integer(n, 3), INT32_MAX);
    const std::int64_t begin = argument(n, 2).isNone() ? 0 : integer(n, 2);
    add(n, "Slice",
        {name(n.input(0)), weight(integers{begin}), weight(integers{end}), weight(integers{along}),
         weight(integers{integer(n, 4)})});
  }

  /// The tensors of a list that was cut from one.
  void parts(const node& n)
  {
    const node cut{n.first->inputs().at(0)->node(), n.second->inputs().at(0)->node()};
    const std::string operation = cut.operation();
    if (!operation.starts_with("split") && operation != "chunk") refuse(cut, "has no translation");
    onnx_node made{"Split", {name(cut.input(0))}, {}};
    const std::int64_t along = axis(cut, 2, sizes(cut.input(0)).size());
    integers lengths;
    for (std::size_t i = 0; i < n.first->outputs().size(); ++i) {
      const value* const each = n.first->outputs()[i];
      made.outputs.push_back(result(each));
      lengths.push_back(sizes(each).at(static_cast<std::size_t>(along)));
      if (sizes(n.second->outputs()[i]).at(static_cast<std::size_t>(along)) != lengths.back())
        refuse(cut, "depends on the size of the input");
    }
    made.attributes = {{"axis", along}, {"split", lengths}};
    made_.nodes.push_back(std::move(made));
  }

  void permutation(const node& n)
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
    add(n, "Transpose", {name(n.input(0))}, {{"perm", order}});
  }

  /// Extents that differ between the records stay as they are at that place (0), or are what is
  /// left (-1).
  void shape(const node& n)
  {
    const integers from = sizes(n.input(0)), to = sizes(n.output());
    const integers other_from = sizes(n.second->inputs().at(0)),
                   other_to = sizes(n.second->outputs().at(0));
    integers target;
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (i < other_to.size() && to[i] == other_to[i])
        target.push_back(to[i]);
      else if (i < from.size() && i < other_from.size() && from[i] == to[i] &&
               i < other_to.size() && other_from[i] == other_to[i])
        target.push_back(0);
      else
        target.push_back(-1);
    }
    if (std::count(target.begin(), target.end(), -1) > 1)
      refuse(n, "has more than one extent that depends on the size of the input");
    add(n, "Reshape", {name(n.input(0)), weight(target)});
  }

  void nothing(const node& n)
  {
    if (names_.contains(n.output()))  // one of the network's outputs
      add(n, "Identity", {name(n.input(0))});
    else
      names_[n.output()] = name(n.input(0));
  }

  record first_, second_;
  const std::vector<std::pair<std::string, at::Tensor>>& state_;
  std::map<const value*, std::string> names_;
  std::map<const value*, at::IValue> known_;  // computed from constants, by record
  onnx_model made_;
};

/// While it lives, weights are folded as plain tensors, which a record can show.
class without_packing {
 public:
  without_packing() : before_(at::globalContext().userEnabledMkldnn())
  {
    at::globalContext().setUserEnabledMkldnn(false);
  }
  ~without_packing() { at::globalContext().setUserEnabledMkldnn(before_); }
  without_packing(const without_packing&) = delete;
  without_packing& operator=(const without_packing&) = delete;

 private:
  bool before_;
};

/// The parts of outputs that there are, and their names in a file.
[[nodiscard]] inline std::vector<std::pair<std::string, at::Tensor>> named_parts(
    const network_outputs& said)
{
  std::vector<std::pair<std::string, at::Tensor>> parts;
  const auto take = [&](const char* name, const at::Tensor& part) {
    if (part.defined()) parts.emplace_back(name, part);
  };
  take("scores", said.scores.values);
  take("boxes", said.boxes.values);
  take("points", said.points.values);
  take("quality", said.quality.values);
  return parts;
}

}  // namespace detail

/// The network in its folded form, where it has one: as a runner runs it, to rounding. Not while
/// another thread runs or folds networks, for oneDNN is switched off meanwhile. Throws, and names
/// the operator, where it has one that cannot be written.
template <detection_network Network>
[[nodiscard]] onnx_model onnx_of(const Network& trained, const onnx_pictures& pictures = {})
{
  const torch::NoGradGuard inference;
  const detail::without_packing plain;
  const std::shared_ptr<Network> network = copy_of(trained);
  network->to(at::kCPU, at::kFloat);
  network->eval();
  if constexpr (foldable<Network>) network->fold();
  for (at::Tensor& parameter : network->parameters()) parameter.set_requires_grad(false);

  std::vector<std::string> names;
  const auto record = [&](std::int64_t batch, extent2 size) {
    const auto run = [&](torch::jit::Stack inputs) {
      torch::jit::Stack results;
      names.clear();
      for (auto& [name, part] : detail::named_parts(network->forward(inputs.at(0).toTensor()))) {
        names.push_back(name);
        results.push_back(part);
      }
      return results;
    };
    const auto nameless = [](const at::Tensor&) { return std::string(); };
    return torch::jit::tracer::trace({at::rand({batch, 3, size.height, size.width})}, run, nameless,
                                     false, /*force_outplace=*/true)
        .first->graph;
  };
  const bool any = pictures.size == extent2{0, 0};
  const auto times = [&](int height, int width) {
    return extent2{height * pictures.multiple, width * pictures.multiple};
  };
  const auto first = record(1, any ? times(4, 5) : pictures.size);
  const auto second = record(2, any ? times(7, 6) : pictures.size);
  return detail::onnx_translation(first, second, names, detail::named_state(*network)).take();
}

}  // namespace retinue
