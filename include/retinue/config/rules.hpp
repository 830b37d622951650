// SPDX-License-Identifier: Apache-2.0
// What may stand under a key of a configuration: rules that say what was expected, read a value
// from any JSON, and write it. The library of JSON is an argument, so that whatever is described by
// rules needs none.
#pragma once

#include <retinue/config/nearest.hpp>  // listed

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace retinue::detail {

/// A number from `least` to `most`, both included; where `open`, more than `least`.
struct between {
  double least, most;
  bool open = false;
  bool or_null = false;  ///< null stands for infinity

  template <class T>
  [[nodiscard]] std::string expected() const
  {
    std::ostringstream text;
    text.precision(12);  // no 1e+06
    text << (std::integral<T> ? "a whole number " : "a number ") << (open ? "above " : "from ")
         << least << (open ? ", at most " : " to ") << most << (or_null ? ", or null" : "");
    return text.str();
  }
  template <class Json, class T>
  [[nodiscard]] bool read(const Json& from, T& value) const
  {
    if (or_null && from.is_null()) {
      value = std::numeric_limits<T>::infinity();
      return true;
    }
    if (!from.is_number()) return false;
    const auto number = from.template get<double>();
    if (!(open ? number > least : number >= least) || number > most) return false;
    if (std::integral<T> && number != std::floor(number)) return false;
    value = static_cast<T>(number);
    return true;
  }
  template <class Json, class T>
  [[nodiscard]] Json write(const T& value) const
  {
    if constexpr (std::floating_point<T>)
      if (std::isinf(value)) return nullptr;
    if constexpr (std::same_as<T, float>) {  // 0.02, not 0.0199999996
      std::array<char, 32> digits;
      const auto end = std::to_chars(digits.begin(), digits.end(), value).ptr;
      double shortest = 0;
      std::from_chars(digits.begin(), end, shortest);
      return shortest;
    } else {
      return value;
    }
  }
};

/// true or false.
struct yes_or_no {
  template <class T>
  [[nodiscard]] std::string expected() const
  {
    return "true or false";
  }
  template <class Json>
  [[nodiscard]] bool read(const Json& from, bool& value) const
  {
    if (from.is_boolean()) value = from.template get<bool>();
    return from.is_boolean();
  }
  template <class Json>
  [[nodiscard]] Json write(bool value) const
  {
    return value;
  }
};

/// Text that is not empty.
struct some_text {
  template <class T>
  [[nodiscard]] std::string expected() const
  {
    return "text";
  }
  template <class Json>
  [[nodiscard]] bool read(const Json& from, std::string& value) const
  {
    if (!from.is_string() || from.template get_ref<const std::string&>().empty()) return false;
    value = from.template get<std::string>();
    return true;
  }
  template <class Json>
  [[nodiscard]] Json write(const std::string& value) const
  {
    return value;
  }
};

/// One of a few words, kept as it is, or as its place among them.
struct one_of {
  std::vector<std::string_view> words;

  template <class T>
  [[nodiscard]] std::string expected() const
  {
    return "one of " + listed(words);
  }
  template <class Json, class T>
  [[nodiscard]] bool read(const Json& from, T& value) const
  {
    if (!from.is_string()) return false;
    for (std::size_t i = 0; i < words.size(); ++i)
      if (words[i] == from.template get_ref<const std::string&>()) {
        if constexpr (std::same_as<T, std::string>)
          value = words[i];
        else
          value = static_cast<T>(i);
        return true;
      }
    return false;
  }
  template <class Json, class T>
  [[nodiscard]] Json write(const T& value) const
  {
    if constexpr (std::same_as<T, std::string>)
      return value;
    else
      return words.at(static_cast<std::size_t>(value));
  }
};

/// Calls visit(value) with each alternative of a variant as it stands.
template <class Variant, class Visit, std::size_t Next = 0>
void for_each_alternative(const Visit& visit)
{
  if constexpr (Next < std::variant_size_v<Variant>) {
    visit(std::variant_alternative_t<Next, Variant>());
    for_each_alternative<Variant, Visit, Next + 1>(visit);
  }
}

/// One of the alternatives of a variant, by its `kind`. Another than there was begins empty.
struct a_kind {
  template <class Variant>
  [[nodiscard]] std::string expected() const
  {
    std::vector<std::string_view> kinds;
    for_each_alternative<Variant>([&](const auto& one) { kinds.push_back(one.kind); });
    return "one of " + listed(kinds);
  }
  template <class Json, class... Kinds>
  [[nodiscard]] bool read(const Json& from, std::variant<Kinds...>& value) const
  {
    if (!from.is_string()) return false;
    bool found = false;
    for_each_alternative<std::variant<Kinds...>>([&]<class Kind>(const Kind& one) {
      if (Kind::kind != from.template get_ref<const std::string&>()) return;
      found = true;
      if (!std::holds_alternative<Kind>(value)) value = one;
    });
    return found;
  }
  template <class Json, class... Kinds>
  [[nodiscard]] Json write(const std::variant<Kinds...>& value) const
  {
    return std::visit([](const auto& one) { return one.kind; }, value);
  }
};

}  // namespace retinue::detail
