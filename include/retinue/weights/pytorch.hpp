// SPDX-License-Identifier: Apache-2.0
// Reads the weights that torch.save wrote, in both of its forms, without Python and without
// LibTorch. A tensor is a storage, an offset, a shape and strides, the last three in elements. Each
// is copied out in C order. As strides of 0 let a few bytes claim any shape, the tensors of a file
// and their names may come to 16 times its size (or to 1 MiB, if that is more).
//
// What is the network? The object is a dictionary. Its entry "state_dict", "model_state_dict",
// "model", "net", "network", "weights" or "params" that is a dictionary which leads to tensors goes
// first; otherwise its own tensors do. So an optimizer's tensors are never taken for weights.
#pragma once

#include <retinue/detail/file.hpp>           // read_file, in_quotes
#include <retinue/weights/pytorch_file.hpp>  // the object and its storages
#include <retinue/weights/state_dict.hpp>    // the result
#include <retinue/weights/strided.hpp>       // gather

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retinue {

namespace detail {

/// From the object of such a file to the network's tensors.
class pytorch_weights {
 public:
  pytorch_weights(std::string source, byte_view bytes)
      : file_(std::move(source), bytes),
        left_(std::max<std::uint64_t>(1 << 20, std::uint64_t{16} * bytes.size()))
  {
  }

  [[nodiscard]] state_dict read()
  {
    const value& root = file_.object()[file_.object().root];
    if (root.what != kind::dict)
      file_.refuse("holds ", is_tensor(root) ? "a tensor" : pickle::name_of(root.what),
                   ", not a dictionary of tensors");
    const value* weights = network(root);
    if (!weights)
      file_.refuse("holds no tensors, of its own or under state_dict or model; its entries are ",
                   entries(root));
    state_dict made;
    note(root, made);
    if (weights != &root) note(*weights, made);
    for (std::size_t i = 0; i < weights->items.size(); i += 2) {
      const value &key = file_.object()[weights->items[i]],
                  &v = file_.object()[weights->items[i + 1]];
      if (!is_tensor(v)) continue;
      if (key.what != kind::text) file_.refuse("a tensor's name is ", pickle::name_of(key.what));
      spend(key.text, key.text.size());
      if (made.find(key.text)) file_.refuse("two tensors have the name ", in_quotes(key.text));
      made.insert(std::string(key.text), tensor(key.text, v));
    }
    made.strip_prefix("module.");
    return made;
  }

 private:
  using value = pickle::value;
  using kind = pickle::kind;

  [[nodiscard]] std::string_view called(const value& v) const
  {
    return v.what == kind::call ? file_.object()[v.items[0]].text : std::string_view{};
  }

  [[nodiscard]] bool is_tensor(const value& v) const { return called(v).starts_with("_rebuild"); }

  [[nodiscard]] bool has_tensors(const value& dict) const
  {
    for (std::size_t i = 1; i < dict.items.size(); i += 2)
      if (is_tensor(file_.object()[dict.items[i]])) return true;
    return false;
  }

  /// The dictionary of weights that `dict` leads to; null where there is none.
  [[nodiscard]] const value* network(const value& dict, int depth = 0) const
  {
    static constexpr std::array<std::string_view, 7> names{
        "state_dict", "model_state_dict", "model", "net", "network", "weights", "params"};
    for (std::size_t i = 0; i < names.size() && depth < 2; ++i)
      if (const value* inner = file_.object().find(dict, names[i]);
          inner && inner->what == kind::dict)
        if (const value* found = network(*inner, depth + 1)) return found;
    return has_tensors(dict) ? &dict : nullptr;
  }

  /// The first names of a dictionary, for a message.
  [[nodiscard]] std::string entries(const value& dict) const
  {
    std::string names;
    for (std::size_t i = 0; i < dict.items.size() && i < 16; i += 2)
      names += (i ? ", " : "") + in_quotes(file_.object()[dict.items[i]].text);
    return names.empty() ? "none" : names;
  }

  /// Keeps the strings and numbers that stand beside tensors or dictionaries ("epoch", "arch").
  void note(const value& dict, state_dict& made)
  {
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const value &key = file_.object()[dict.items[i]], &v = file_.object()[dict.items[i + 1]];
      if (key.what != kind::text) continue;
      std::string text;
      if (v.what == kind::text) {
        spend(key.text, v.text.size());
        text = v.text;
      } else if (v.what == kind::integer) {
        text = std::to_string(v.number);
      } else if (v.what == kind::boolean) {
        text = v.number ? "true" : "false";
      } else if (v.what == kind::real) {
        std::array<char, 32> digits;
        text.assign(digits.data(),
                    std::to_chars(digits.data(), digits.data() + digits.size(), v.real()).ptr);
      } else {
        continue;
      }
      spend(key.text, key.text.size());
      made.metadata.insert_or_assign(std::string(key.text), std::move(text));
    }
  }

  /// Counts what is about to be copied against what such a file may come to: a few bytes recall a
  /// name or a text however long it is, as often as they like.
  void spend(std::string_view name, std::uint64_t bytes)
  {
    if (bytes > left_)
      file_.refuse(in_quotes(name), " takes ", bytes, " bytes, and with it the file of ",
                   file_.size(),
                   " bytes passes 16 times its size, which is all that is unpacked from one");
    left_ -= bytes;
  }

  [[nodiscard]] std::vector<std::int64_t> extents(std::string_view name, const value& of,
                                                  const char* what) const
  {
    if (of.items.size() > 64)
      file_.refuse(in_quotes(name), " has ", of.items.size(), " dimensions, and 64 is the most");
    std::vector<std::int64_t> made;
    for (std::size_t i = 0; i < of.items.size(); ++i) {
      made.push_back(file_.part(of, i, kind::integer).number);
      if (made.back() < 0)
        file_.refuse(in_quotes(name), " has a negative ", what, ", ", made.back());
    }
    return made;
  }

  [[nodiscard]] host_tensor tensor(std::string_view name, const value& rebuilt)
  {
    const value* call = &rebuilt;
    for (int depth = 0; called(*call) == "_rebuild_parameter"; ++depth) {
      if (depth == 4) file_.refuse(in_quotes(name), " is a parameter of parameters without end");
      call = &file_.part(file_.part(*call, 1, kind::tuple), 0, kind::call);
    }
    if (!is_tensor(*call)) file_.refuse(in_quotes(name), " is a parameter that holds no tensor");
    const value& arguments = file_.part(*call, 1, kind::tuple);
    const pytorch_storage held = file_.elements(file_.part(arguments, 0, kind::persistent));
    const std::int64_t offset = file_.part(arguments, 1, kind::integer).number;
    auto shape = extents(name, size_tuple(file_.item(arguments, 2)), "extent");
    const auto strides = extents(name, file_.part(arguments, 3, kind::tuple), "stride");
    if (arguments.items.size() > 6) {
      const value& extra = file_.item(arguments, 6);
      if (extra.what != kind::none && !(extra.what == kind::dict && extra.items.empty()))
        file_.refuse(in_quotes(name), " is a negated or conjugated view, which is not read");
    }
    if (strides.size() != shape.size())
      file_.refuse(in_quotes(name), " has ", shape.size(), " extents and ", strides.size(),
                   " strides");
    const auto count = element_count(shape);
    if (!count)
      file_.refuse(in_quotes(name), " has the shape ", text_of(shape), ", beyond 63 bits");

    const strided_layout layout{shape, strides, offset};
    if (offset < 0 || !layout.fits(held.count))
      file_.refuse(in_quotes(name), " of shape ", text_of(shape), ", strides ", text_of(strides),
                   " and offset ", offset, " reaches outside of its storage of ", held.count,
                   " elements");
    const std::size_t size = size_of(held.type);
    const auto elements = static_cast<std::uint64_t>(*count);
    spend(name, elements > UINT64_MAX / size ? UINT64_MAX : elements * size);
    host_tensor made{held.type, std::move(shape), {}};
    made.bytes.resize(static_cast<std::size_t>(elements) * size);
    gather(made.bytes.data(), made.bytes.size(), held.bytes->data(), size, layout);
    reorder(made.bytes, size);
    return made;
  }

  /// A shape is a tuple, or torch.Size called with one.
  [[nodiscard]] const value& size_tuple(const value& v) const
  {
    if (called(v) == "Size") return file_.part(file_.part(v, 1, kind::tuple), 0, kind::tuple);
    if (v.what != kind::tuple) file_.refuse("a shape is ", pickle::name_of(v.what));
    return v;
  }

  pytorch_file file_;
  std::uint64_t left_;  // bytes that may still be allocated
};

}  // namespace detail

/// The weights in bytes that torch.save wrote; `source` begins the message of every error.
[[nodiscard]] inline state_dict read_pytorch(detail::byte_view bytes, const std::string& source)
{
  return detail::pytorch_weights(source, bytes).read();
}

/// The weights in a file that torch.save wrote. A prefix "module." of all names is removed; strings
/// and numbers beside the weights become metadata. Throws `error` for anything else.
[[nodiscard]] inline state_dict read_pytorch(const std::filesystem::path& file)
{
  const auto bytes = detail::read_file(file);
  return read_pytorch(bytes, file.string());
}

}  // namespace retinue
