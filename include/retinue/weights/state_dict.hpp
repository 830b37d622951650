// SPDX-License-Identifier: Apache-2.0
// The weights of a network as plain memory: names, in the order of the file, and their tensors.
//
//   const state_dict weights = read_weights("mobilenet0.25.pth");
//   if (const host_tensor* w = weights.find("body.stage1.0.0.weight"))
//     std::span<const float> values = w->values<float>();  // (8, 3, 3, 3), C order
#pragma once

#include <retinue/error.hpp>  // fail

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace retinue {

/// What one element is. `boolean` takes a byte; f16 and bf16 are IEEE half and bfloat16.
enum class dtype : std::uint8_t { boolean, u8, i8, i16, i32, i64, f16, bf16, f32, f64 };

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t size_of(dtype type)
{
  constexpr std::array<std::size_t, 10> sizes{1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
  return sizes[static_cast<std::size_t>(type)];
}

/// As PyTorch calls it.
[[nodiscard]] constexpr std::string_view name_of(dtype type)
{
  constexpr std::array<std::string_view, 10> names{"boolean", "u8",  "i8",   "i16", "i32",
                                                   "i64",     "f16", "bf16", "f32", "f64"};
  return names[static_cast<std::size_t>(type)];
}

/// Whether elements of that kind are read as T. Booleans are read as bytes (a file may hold a 7,
/// which no `bool` may), f16 and bf16 as their bits.
template <class T>
[[nodiscard]] constexpr bool is_read_as(dtype type)
{
  if constexpr (std::is_same_v<T, std::uint8_t>)
    return type == dtype::boolean || type == dtype::u8;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return type == dtype::f16 || type == dtype::bf16;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    return (type == dtype::i8 || type == dtype::i16 || type == dtype::i32 || type == dtype::i64) &&
           size_of(type) == sizeof(T);
  else
    return (std::is_same_v<T, float> && type == dtype::f32) ||
           (std::is_same_v<T, double> && type == dtype::f64);
}

/// The product of a shape; nothing where an extent is negative or the product passes 2^63 - 1.
[[nodiscard]] inline std::optional<std::int64_t> element_count(std::span<const std::int64_t> shape)
{
  std::int64_t count = 1;
  bool overflow = false, empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0)
      empty = true;
    else if (count > INT64_MAX / extent)
      overflow = true;
    else
      count *= extent;
  }
  if (empty) return 0;
  return overflow ? std::nullopt : std::optional(count);
}

/// "(8, 3, 3, 3)", for messages.
[[nodiscard]] inline std::string text_of(std::span<const std::int64_t> shape)
{
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

/// A tensor in host memory.
struct host_tensor {
  dtype type = dtype::f32;
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::vector<std::byte> bytes;     ///< C order, contiguous, in the machine's byte order

  /// Elements, as the shape says: 1 for a scalar. Throws where an extent is negative, or where they
  /// are more than 2^63 - 1.
  [[nodiscard]] std::int64_t count() const
  {
    const auto product = element_count(shape);
    if (!product) fail("a tensor cannot have the shape ", text_of(shape));
    return *product;
  }

  /// The elements, in C order. Throws where they are not of type T or the bytes do not fit the
  /// shape. Valid as long as `bytes` is.
  template <class T>
  [[nodiscard]] std::span<const T> values() const
  {
    if (!is_read_as<T>(type))
      fail("a tensor of ", name_of(type), " was asked for elements of another type, of ", sizeof(T),
           " bytes");
    const std::size_t n = bytes.size() / sizeof(T);
    if (bytes.size() % sizeof(T) != 0 || n != static_cast<std::uint64_t>(count()))
      fail("a tensor of shape ", text_of(shape), " holds ", bytes.size(), " bytes");
    return {reinterpret_cast<const T*>(bytes.data()), n};
  }
};

/// A tensor with a copy of these values. Throws where type, shape and values do not fit each other.
template <class T>
[[nodiscard]] host_tensor tensor_of(dtype type, std::vector<std::int64_t> shape,
                                    std::span<const T> values)
{
  host_tensor made{type, std::move(shape), std::vector<std::byte>(values.size_bytes())};
  if (!values.empty()) std::memcpy(made.bytes.data(), values.data(), values.size_bytes());
  static_cast<void>(made.values<T>());  // throws where type, shape and values disagree
  return made;
}

/// Names and tensors, in the order in which they were inserted.
class state_dict {
 public:
  using value_type = std::pair<std::string, host_tensor>;
  using const_iterator = std::vector<value_type>::const_iterator;

  std::map<std::string, std::string> metadata;  ///< what else the file says in plain words

  /// Throws where the name is taken.
  void insert(std::string name, host_tensor tensor)
  {
    const auto [at, fresh] = places_.try_emplace(name, entries_.size());
    if (!fresh) fail("two tensors have the name ", name);
    entries_.emplace_back(std::move(name), std::move(tensor));
  }

  /// Null where there is none of that name. Valid until the next insertion.
  [[nodiscard]] const host_tensor* find(std::string_view name) const
  {
    const auto at = places_.find(name);
    return at == places_.end() ? nullptr : &entries_[at->second].second;
  }

  [[nodiscard]] const_iterator begin() const { return entries_.begin(); }
  [[nodiscard]] const_iterator end() const { return entries_.end(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  /// Takes `prefix` from all names where all have it (DataParallel's "module."), and changes
  /// nothing otherwise: a network may well have one part of that name. Returns whether it did.
  bool strip_prefix(std::string_view prefix)
  {
    const auto has = [&](const value_type& e) { return e.first.starts_with(prefix); };
    if (prefix.empty() || entries_.empty() || !std::all_of(begin(), end(), has)) return false;
    places_.clear();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      entries_[i].first.erase(0, prefix.size());
      places_.emplace(entries_[i].first, i);
    }
    return true;
  }

 private:
  std::vector<value_type> entries_;
  // Ordered: no file can choose names that make it slow, as it can with a hash.
  std::map<std::string, std::size_t, std::less<>> places_;
};

}  // namespace retinue
